"""Who may read a dataset on a hub, and whether a result may have more readers than its source."""

from enum import IntEnum

SECTION = "spec.output.hub.private"


class Audience(IntEnum):
    """The readers of a dataset, from few to all."""

    PRIVATE = 0
    APPROVED = 1
    REGISTERED = 2
    PUBLIC = 3

    @property
    def description(self) -> str:
        """The readers in the words of the hub's users."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS = {
    Audience.PRIVATE: "private",
    Audience.APPROVED: "gated (its owner approves each reader)",
    Audience.REGISTERED: "gated (whoever accepts its terms may read it)",
    Audience.PUBLIC: "public",
}


def audience_of(private: bool | None, gated: str | bool | None, *, unknown: Audience) -> Audience:
    """The readers of a dataset.

    Args:
        private: as the hub answers; None where it leaves that open.
        gated: False, `auto` or `manual`, as the hub answers.
        unknown: the readers to assume where the hub leaves open whether a dataset is private.
    """
    if private is None:
        return unknown
    if private:
        return Audience.PRIVATE
    if gated:
        return Audience.REGISTERED if gated == "auto" else Audience.APPROVED
    return Audience.PUBLIC


def private_when_created(asked: bool | None, source: Audience) -> bool | None:
    """Whether a result that has to be created is made private; None leaves it to the namespace's own default.

    `asked` is spec.output.hub.private, `source` the readers of the source.
    """
    if asked is not None:
        return asked
    return True if source < Audience.PUBLIC else None


def refusal(asked: bool | None, source: Audience, output: Audience) -> str | None:
    """Why nothing may be published to a dataset with the readers `output`, with the way out; None if it may.

    `asked` is spec.output.hub.private, `source` the readers of the source.
    """
    if asked is False:
        return None
    if asked and output > Audience.PRIVATE:
        return (
            f"it is {output.description}, and {SECTION} is true: make it private on the hub, name another dataset in "
            f"spec.output.hub.repoID, or set {SECTION} to false"
        )
    if output > source:
        return (
            f"it is {output.description}, and the source is {source.description}, so that more people could read the "
            "result than the source: make it private on the hub, name another dataset in spec.output.hub.repoID, or "
            f"set {SECTION} to false to allow it"
        )
    return None
