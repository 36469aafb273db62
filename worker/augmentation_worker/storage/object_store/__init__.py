"""Datasets in object stores (S3 and its kin, Google Cloud Storage, Azure Blob Storage), all through obstore."""
