"""The worker's side of the Kubernetes API: its job, its reports, the shards' manifests. Each also as local files."""
