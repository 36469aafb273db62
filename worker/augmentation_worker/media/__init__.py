"""Pixels as they are stored: images and videos, read, written and compared."""
