"""Messages about a number of things, of which there may be one."""


def counted(count: int, noun: str) -> str:
    """A number with its noun: "1 episode", "2 augmented episodes"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def are(count: int) -> str:
    """What follows a number of things: is, or are."""
    return "is" if count == 1 else "are"


def do(count: int, verb: str) -> str:
    """The verb that follows a number of things: becomes, or become."""
    return f"{verb}s" if count == 1 else verb
