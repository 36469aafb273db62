"""What dialects share: the request body, its mapping to and from a job's spec, ids, errors, OpenAPI responses."""
