"""Folders as a place of datasets: read, written and published without a hub."""
