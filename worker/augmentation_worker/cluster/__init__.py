"""The worker's side of the Kubernetes API: its job, its part of the status, its records. Each also as local files."""
