"""The control loop: a queue of job uids, and per job what is known, the decision and the calls that carry it out."""
