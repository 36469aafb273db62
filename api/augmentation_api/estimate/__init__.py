"""What a job will take: frames, bytes, time and price, before it runs. Pure functions of plain data (decision 0071).

`figures.py` reads what was measured (figures.json), `work.py` says what a job is made of and what that takes of a
processor, `node_estimate.py` what it takes on the nodes of a class.
"""

from augmentation_api.estimate.figures import FIGURES, Figures
from augmentation_api.estimate.node_estimate import Estimate, NodeEstimate, estimate
from augmentation_api.estimate.work import Work, work_of

__all__ = ["FIGURES", "Estimate", "Figures", "NodeEstimate", "Work", "estimate", "work_of"]
