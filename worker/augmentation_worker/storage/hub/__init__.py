"""The dataset hub: everything the worker reads from and writes to a Hugging Face compatible server.

huggingface_hub is told here, before any module of this package uses it: no xet (plain LFS makes single commits and
works on self-hosted hubs), no progress bars, no token but the job's own.
"""

import os

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"

from huggingface_hub import constants

# Not by its variable: that is read on the first import, which may have been somebody else's.
constants.HF_HUB_DISABLE_XET = True
