"""Kueue's part in a job: what it says of a child Job and its queue, how that is read, and what it means for a job."""
