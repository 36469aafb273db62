"""Caches of what is in the cluster, kept current by watches."""
