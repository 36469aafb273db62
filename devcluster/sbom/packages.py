"""What is installed, by the records that Python and Debian keep in an image."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from enum import StrEnum

_LONGEST_LICENSE = 64
"""Some put a licence's whole text into the field of its name."""
_PATCH_LEVEL = re.compile(r"usr/local/include/python3\.\d+/patchlevel\.h")


class Kind(StrEnum):
    """Where a package comes from, in the words of a package URL."""

    PYTHON = "pypi"
    DEBIAN = "deb"
    INTERPRETER = "generic"


@dataclass(frozen=True, order=True)
class Package:
    """One installed package.

    Attributes:
        kind: where it comes from.
        name: its name there.
        version: of it.
        architecture: of a Debian package; empty for others.
        license: SPDX expression or name, where the record has one.
    """

    kind: Kind
    name: str
    version: str
    architecture: str = ""
    license: str = ""


def is_record(path: str) -> bool:
    """Whether a file lists installed packages."""
    return (
        path.endswith(".dist-info/METADATA")
        or path == "var/lib/dpkg/status"
        or path.startswith("var/lib/dpkg/status.d/")
        or path in ("etc/os-release", "usr/lib/os-release")
        or _PATCH_LEVEL.fullmatch(path) is not None
    )


def packages(files: Mapping[str, bytes]) -> list[Package]:
    """All installed packages, sorted, each once."""
    found: set[Package] = set()
    for path, content in files.items():
        if path.endswith(".dist-info/METADATA"):
            found.add(_python_package(content))
        elif path.startswith("var/lib/dpkg/status"):
            found.update(_debian_packages(content))
        elif path.endswith("/patchlevel.h") and (version := re.search(rb'PY_VERSION\s+"([^"]+)"', content)):
            found.add(Package(Kind.INTERPRETER, "python", version[1].decode("ascii")))
    return sorted(found)


def distribution(files: Mapping[str, bytes]) -> str:
    """The Debian release, as a package URL names it: `debian-12`; empty where there is none."""
    text = (files.get("etc/os-release") or files.get("usr/lib/os-release") or b"").decode("utf-8", "replace")
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    name, version = (fields.get(field, "").strip('"') for field in ("ID", "VERSION_ID"))
    return f"{name}-{version}" if name and version else ""


def _python_package(metadata: bytes) -> Package:
    fields = BytesHeaderParser().parsebytes(metadata)
    name = re.sub(r"[-_.]+", "-", str(fields["Name"])).lower()
    license_ = str(fields["License-Expression"] or fields["License"] or "").strip()
    if len(license_) > _LONGEST_LICENSE or "\n" in license_ or license_.upper() == "UNKNOWN":
        license_ = ""
    return Package(Kind.PYTHON, name, str(fields["Version"]), license=license_)


def _debian_packages(status: bytes) -> Iterator[Package]:
    for paragraph in status.split(b"\n\n"):
        fields = BytesHeaderParser().parsebytes(paragraph.lstrip(b"\n"))
        if fields["Package"] and "installed" in str(fields["Status"] or "installed").split():
            yield Package(
                Kind.DEBIAN, str(fields["Package"]), str(fields["Version"]), str(fields["Architecture"] or "")
            )
