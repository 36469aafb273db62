"""Datasets in folders of mounted volumes or of this machine: read, written and published without a hub."""
