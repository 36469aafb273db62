"""LeRobot datasets as plain data: reading and checking metadata, planning the result, merging, statistics.

Nothing here talks to a hub or to Kubernetes; parquet files are read and written where they lie.
"""
