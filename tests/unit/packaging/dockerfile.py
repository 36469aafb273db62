"""The stages of a Dockerfile, for tests of what an image is made of."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Stage:
    """A stage.

    Attributes:
        name: after AS; its number as text without.
        base: the stage or image that it begins with.
        instructions: (NAME, arguments) of each after FROM, continued lines joined.
    """

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def arguments(self, instruction: str) -> list[str]:
        """Those of each instruction of this name."""
        return [rest for name, rest in self.instructions if name == instruction]

    @property
    def copied_stages(self) -> list[str]:
        """What it copies from, other than the build context."""
        return [found[1] for rest in self.arguments("COPY") if (found := re.match(r"--from=(\S+)", rest))]


def stages_of(path: str) -> dict[str, Stage]:
    """The stages of the Dockerfile at a path of the checkout, by name and in order."""
    without_comments = re.sub(r"(?m)^[ \t]*#.*\n", "", (CHECKOUT / path).read_text())
    stages: list[Stage] = []
    for line in without_comments.replace("\\\n", " ").splitlines():
        name, _, rest = line.strip().partition(" ")
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            stages.append(Stage(alias or str(len(stages)), base))
        elif name and stages:  # an ARG may precede the first stage
            stages[-1].instructions.append((name, " ".join(rest.split())))
    return {stage.name: stage for stage in stages}


def images_of(stages: Mapping[str, Stage]) -> list[Stage]:
    """The stages that are run."""
    return [stage for stage in stages.values() if stage.arguments("ENTRYPOINT")]


def lineage(stages: Mapping[str, Stage], stage: Stage) -> Iterator[Stage]:
    """The stage and, one after another, those that it begins with."""
    yield stage
    while stage.base in stages:
        stage = stages[stage.base]
        yield stage
