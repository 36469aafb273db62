"""The decision: pure functions from a job and its children to what is done next and what the status says.

Begin reading at lifecycle.py, then phases.py.
"""
