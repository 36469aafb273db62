"""The newest pre-release of `qualia-sdk` as its user calls it: as the older one is called."""

import runpy
from pathlib import Path

older = runpy.run_path(str(Path(__file__).with_name("qualia_calls.py")))
call, command = older["call"], older["command"]
