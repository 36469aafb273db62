"""The hub: everything the worker reads from and writes to a Hugging Face compatible server.

huggingface_hub is set up here, before any module of this package uses it: no xet (plain LFS makes single commits and
works on self-hosted hubs), no telemetry, no progress bars, no token but the job's own.
"""

from huggingface_hub import constants
from huggingface_hub.utils.tqdm import disable_progress_bars

# Not by their variables: those are read on the first import, which may have been somebody else's.
constants.HF_HUB_DISABLE_XET = True
constants.HF_HUB_DISABLE_TELEMETRY = True
constants.HF_HUB_DISABLE_IMPLICIT_TOKEN = True
disable_progress_bars()
