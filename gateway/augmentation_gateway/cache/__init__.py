"""The watch cache that every read is answered from: jobs and classes, as the Kubernetes API has them."""
