"""A hub whose list of files goes on without a file: pages that are empty and name another one, for ever."""

import threading

import httpx2

MOST_EMPTY_PAGES = 100
"""In a row. No hub is known that sends one."""


class EndlessListing(Exception):
    """So many pages of a list were empty that it may have no end."""


class EmptyPages:
    """Counts them, by thread, as a hook of an HTTP client that is called with every response."""

    def __init__(self) -> None:
        self._in_a_row = threading.local()

    def check(self, response: httpx2.Response) -> None:
        """Raise EndlessListing at the last empty page that is read. Only bodies of pages that name another are read."""
        is_empty = "next" in response.links and response.read().strip() == b"[]"
        self._in_a_row.count = getattr(self._in_a_row, "count", 0) + 1 if is_empty else 0
        if self._in_a_row.count >= MOST_EMPTY_PAGES:
            self._in_a_row.count = 0
            raise EndlessListing(f"{MOST_EMPTY_PAGES} pages of a list, one after the other, are empty and name another")
