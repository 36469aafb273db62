"""Files that a result has in every format: card, record of how it was made, preview, and rules for large files."""

from augmentation_api.worker_contract import RESULT_BAD_EPISODES, RESULT_CARD, RESULT_PREVIEW
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.storage.git_attributes import ATTRIBUTES_PATH
from augmentation_worker.storage.provenance import COPIES_PATH, PROVENANCE_PATH

PREVIEW_PATH = DatasetPath(RESULT_PREVIEW)
CARD_PATH = DatasetPath(RESULT_CARD)
BAD_EPISODES_PATH = DatasetPath(RESULT_BAD_EPISODES)
OWN_PATHS = frozenset({PROVENANCE_PATH, COPIES_PATH, PREVIEW_PATH, CARD_PATH, ATTRIBUTES_PATH, BAD_EPISODES_PATH})
"""Files that are the result's own, whether or not the source has one."""
