"""Reads machine code of NVIDIA's GPUs: how many instructions a thread executes, and what that allows at best.

A count, not a measurement: a GPU that waits for memory, or for one instruction after the other, is slower.
"""

import re
from dataclasses import dataclass

ALU = (
    "LOP3",
    "PRMT",
    "SHF",
    "LEA",
    "VIMNMX",
    "IMNMX",
    "VIADD",
    "IADD3",
    "ISETP",
    "SEL",
    "SGXT",
    "FMNMX",
    "I2IP",
    "IABS",
)
FMA = ("IMAD", "FADD", "FMUL", "FFMA", "HFMA2")
SHARED = ("LDS", "STS")
_LINE = re.compile(r"^\s*/\*([0-9a-f]+)\*/\s+(?:@(!?)(U?P\w+)\s+)?([A-Z][\w.]*)(.*)")
_LABEL = re.compile(r"^(\.L_\w+):")


@dataclass(frozen=True)
class Gpu:
    """A GPU, and what it does at most.

    Attributes:
        name: as it is sold.
        capability: CUDA's.
        processors: streaming multiprocessors; each issues 128 instructions of threads a clock, 64 to the pipe of
            integers and logic and 64 multiplications of integers, and serves 32 accesses to shared memory (CUDA C++
            Programming Guide, "Throughput of Native Arithmetic Instructions").
        gigahertz: the clock, boosted.
        copied: values a nanosecond that a copy within its memory moves, each read and written.
    """

    name: str
    capability: int
    processors: int
    gigahertz: float
    copied: float


GPUS = (
    Gpu("A100 80GB", 80, 108, 1.41, 0.9 * 2039 / 2),
    Gpu("L4", 89, 58, 2.04, 0.9 * 300 / 2),
    Gpu("L40S", 89, 142, 2.52, 0.9 * 864 / 2),
    Gpu("H100", 90, 132, 1.98, 0.9 * 3350 / 2),
    Gpu("H200", 90, 132, 1.98, 0.9 * 4800 / 2),
)
"""By NVIDIA's data sheets. A copy reaches nine tenths of the memory's bandwidth: 4.3 of 4.8 TB/s seen on an H200."""
TURNS = 2.4
"""An access of 32 threads to shared memory takes so many turns, as some meet in a bank: 2.0 for a table of 256 random
bytes, 2.4 to 2.8 for random numbers and the bins of sigma up to 13 and 22, by simulation."""


def instructions(code: str) -> dict[str, int]:
    """How many instructions a thread executes, of code that only branches forwards, as nvdisasm prints it.

    Gives `least` and `most` of all, by the branches it takes; and of the least those by pipe, `ALU` and `FMA`, and
    `shared` memory. Where a thread ends early for want of values does not count.
    """
    lines: list[tuple[str, str, str]] = []
    labels: dict[str, int] = {}
    for line in code.splitlines():
        if label := _LABEL.match(line):
            labels[label[1]] = len(lines)
        elif (found := _LINE.match(line)) and found[4] != "NOP":
            lines.append((found[3] or "", found[4].split(".")[0], found[5]))
    end = next((place for place, (guard, kind, _) in enumerate(lines) if kind == "EXIT" and not guard), len(lines) - 1)
    least = [_Path()] * (end + 2)
    most = [_Path()] * (end + 2)
    for place in range(end, -1, -1):
        guard, kind, rest = lines[place]
        next_places = [place + 1]
        if kind == "BRA":
            target = labels[re.findall(r"\.L_\w+", rest)[-1]]
            if place < target <= end:
                next_places = [target, place + 1] if guard else [target]
        least[place] = min((least[each] for each in next_places), key=lambda path: path.all).after(kind)
        most[place] = max((most[each] for each in next_places), key=lambda path: path.all).after(kind)
    path = least[0]
    return {"least": path.all, "most": most[0].all, "ALU": path.alu, "FMA": path.fma, "shared": path.shared}


@dataclass(frozen=True)
class _Path:
    all: int = 0
    alu: int = 0
    fma: int = 0
    shared: int = 0

    def after(self, kind: str) -> "_Path":
        return _Path(self.all + 1, self.alu + (kind in ALU), self.fma + (kind in FMA), self.shared + (kind in SHARED))


def bound(counted: dict[str, float], gpu: Gpu) -> float:
    """The share of copy bandwidth that a GPU can reach at most, by what it executes for each value."""
    clocks = max(counted["least"] / 128, counted["ALU"] / 64, counted["FMA"] / 128, TURNS * counted["shared"] / 32)
    return gpu.processors * gpu.gigahertz / clocks / gpu.copied if clocks else float("inf")
