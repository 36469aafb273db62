"""What several dialects share: the request body, its two directions from and to a job's spec, and OpenAPI responses."""
