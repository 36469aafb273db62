"""What can go wrong, as one sentence for a person each: the command line prints it without a traceback."""


class DevclusterError(Exception):
    """A step failed; the message names the cause and, where there is one, the log to read."""

    exit_status = 1


class MissingRequirement(DevclusterError):
    """The machine lacks something that cannot be made up for here; the message says what, and how to get it."""

    exit_status = 2
