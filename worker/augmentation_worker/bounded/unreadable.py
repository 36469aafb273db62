"""The error for bytes that are not read: what was found, as a clause."""


class Unreadable(ValueError):
    """Bytes of somebody else's cannot be read, or not within the limits.

    Attributes:
        found: what was found, as a clause that can follow the name of a file.
    """

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(found)
