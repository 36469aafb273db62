"""Which jobs may take nodes: the built-in queue, and Kueue."""
