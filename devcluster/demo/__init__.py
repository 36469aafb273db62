"""The demo: the whole product installed on a cluster, one real dataset augmented, the result looked at.

Unlike the rest of devcluster it needs the project's own environment (`make setup`).
"""

import os

# Read when huggingface_hub is imported: plain LFS uploads in one commit, and this program's own words on progress.
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
