"""Writes the table of docs/choosing-nodes.md: the price of a million augmented frames on kinds of nodes.

    python -m benchmarks.price_table            # write it; after node_prices.json or the model's figures changed
    python -m benchmarks.price_table --check    # fail if it is not what they say
    python -m benchmarks.price_table --prices mine.json    # only print it, for your own nodes and prices

Speeds come from the model of what a job takes (decision 0071), prices from benchmarks/node_prices.json.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from augmentation_api import AugmentationJobSpec
from augmentation_api.estimate import FIGURES, work_of
from augmentation_api.status import SourceStatus, StreamStatus

CHECKOUT = Path(__file__).resolve().parents[1]
PAGE = CHECKOUT / "docs" / "choosing-nodes.md"
PRICES = CHECKOUT / "benchmarks" / "node_prices.json"
BEGIN, END = "<!-- begin: benchmarks/price_table.py -->\n", "<!-- end -->\n"
FRAMES: Final = 1_000_000
COPIES: Final = 3
SOURCE = SourceStatus(
    selected_frames=FRAMES,
    selected_episodes=FRAMES // 300,
    cameras=["top"],
    streams=[StreamStatus(codec="av1", height=480, width=640, bytes_per_frame=5000)],
)
FOUR = ["lighting", "noise", "blur", "occlusion"]
KINDS: Final[Sequence[tuple[str, dict[str, Any]]]] = (
    ("AV1, lighting", {"augmentation": {"copies": COPIES}}),
    ("AV1, four transforms", {"augmentation": {"copies": COPIES, "transforms": FOUR}}),
    ("fast (H.264), lighting", {"augmentation": {"copies": COPIES}, "output": {"video": {"profile": "fast"}}}),
    (
        "fast (H.264), four transforms",
        {"augmentation": {"copies": COPIES, "transforms": FOUR}, "output": {"video": {"profile": "fast"}}},
    ),
)


@dataclass(frozen=True)
class Node:
    """A kind of node and its price.

    Attributes:
        name: of the kind.
        processor: in words.
        vcpus: that pods may use.
        gpus: number and kind; empty without.
        price_per_hour: of the whole node.
        relative_speed: of a vCPU, with a core of the machine that the model was measured on as 1.
        speed_is: where that is known from.
    """

    name: str
    processor: str
    vcpus: int
    gpus: str
    price_per_hour: float
    relative_speed: float
    speed_is: str


@dataclass(frozen=True)
class Prices:
    """Kinds of nodes, with where and when their prices hold."""

    currency: str
    region: str
    date: str
    source: str
    nodes: tuple[Node, ...]


def core_seconds(fields: dict[str, Any]) -> float:
    """Of a million augmented frames of one camera, on a core of the measured machine."""
    spec = AugmentationJobSpec.model_validate({"source": {"hub": {"repoID": "owner/name"}}, **fields})
    work = work_of(spec, SOURCE, FIGURES)
    assert work is not None
    return work.processor_seconds * FRAMES / work.images


def table(prices: Prices) -> str:
    """The table, and what it was made from, as Markdown."""
    head = ["node", "vCPUs", "GPUs", f"{prices.currency} an hour", "speed of a vCPU", *(name for name, _ in KINDS)]
    rows = [head, ["---", "--:", "---", "--:", "--:", *("--:" for _ in KINDS)]]
    per_frame = [core_seconds(fields) for _, fields in KINDS]
    for node in prices.nodes:
        hours = [seconds / node.vcpus / node.relative_speed / 3600 for seconds in per_frame]
        figures = [f"{node.price_per_hour * each:.2f}" for each in hours]
        price, speed = f"{node.price_per_hour:.2f}", f"{node.relative_speed:g} ({node.speed_is.partition(':')[0]})"
        rows.append([node.name, str(node.vcpus), f"{node.gpus}, idle" if node.gpus else "none", price, speed, *figures])
    cores = [f"{FRAMES / seconds:,.0f}" for seconds in per_frame]
    rows.append(["*frames a second of one core*", "", "", "", "1 (measured)", *cores])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    made = FIGURES.provenance
    return (
        "\n".join(lines) + f"\n\nSpeeds: `{made.command}` on {made.machine}, {made.date}. Prices: {prices.source}; "
        f"{prices.region}, {prices.date}.\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the page is out of date")
    parser.add_argument("--prices", type=Path, help="print the table for these nodes instead")
    options = parser.parse_args()
    made = table(TypeAdapter(Prices).validate_json((options.prices or PRICES).read_bytes()))
    if options.prices is not None:
        print(made)
        return 0
    text = PAGE.read_text()
    head, rest = text.split(BEGIN)
    whole = f"{head}{BEGIN}\n{made}\n{END}{rest.split(END)[1]}"
    if options.check and whole != text:
        print(f"{PAGE} is out of date: run python -m benchmarks.price_table", file=sys.stderr)
        return 1
    if not options.check:
        PAGE.write_text(whole)
    return 0


if __name__ == "__main__":
    sys.exit(main())
