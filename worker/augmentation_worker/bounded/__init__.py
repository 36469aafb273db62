"""Readers of bytes that others wrote, within limits: what no dataset needs is refused before it is parsed.

Nothing here knows a dataset: what cannot be read is said as a clause (Unreadable), and the caller says of which file.
"""
