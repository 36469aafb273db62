"""Reading bytes that others wrote: no reader takes what is larger, deeper or odder than that of a dataset is.

Nothing here knows a dataset: what cannot be read is said as a clause (Unreadable), and the caller says of which file.
"""

from augmentation_worker.bounded.unreadable import Unreadable

__all__ = ["Unreadable"]
