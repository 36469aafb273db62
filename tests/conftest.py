"""What holds for all tests."""

import os

# Read when huggingface_hub is imported. The local hub speaks plain LFS, as self-hosted hubs do.
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
