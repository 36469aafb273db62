"""The objects the operator makes for a job, as plain manifests."""
