"""What a job will take: frames, bytes, time and price, before it runs. Pure functions of plain data (decision 0071).

`figures.py` reads what was measured (figures.json), `work.py` says what a job is made of and what that takes of a
processor (`encoding.py`: the part of the encoders), `node_estimate.py` what it takes on the nodes of a class.
"""

from augmentation_api.estimate.figures import FIGURES, Figures
from augmentation_api.estimate.node_estimate import Estimate, NodeEstimate, estimate
from augmentation_api.estimate.work import Work, stand_ins_of, work_of

__all__ = ["FIGURES", "Estimate", "Figures", "NodeEstimate", "Work", "estimate", "stand_ins_of", "work_of"]
