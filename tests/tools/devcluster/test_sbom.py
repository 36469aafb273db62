"""The bill of materials lists what an image contains, read from its layers."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing
from typing import IO, Any

import pytest
from cyclonedx.validation.json import JsonStrictValidator

from devcluster.sbom.bill import SCHEMA, bill
from devcluster.sbom.image_files import files_of
from devcluster.sbom.packages import Kind, Package, distribution, is_record, packages

SITE = "opt/venv/lib/python3.11/site-packages"
NUMPY = b"Metadata-Version: 2.4\nName: numpy\nVersion: 2.3.0\nLicense-Expression: BSD-3-Clause AND MIT\n\nAn array.\n"
OLD_NUMPY = NUMPY.replace(b"2.3.0", b"1.0.0")
ZOPE = b"Metadata-Version: 2.1\nName: zope.interface\nVersion: 7\nLicense: ZPL-2.1\n"
STATUS = b"""Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u13
Description: GNU C Library
 with a second line

Package: half-removed
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""
RELEASE = b'ID=debian\nVERSION_ID="12"\n'
BASE = {"var/lib/dpkg/status": STATUS, "usr/lib/os-release": RELEASE, "usr/bin/python3": b"\x7fELF"}


class Registry:
    """Images of layers, as a registry keeps them."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def __call__(self, kind: str, digest: str) -> AbstractContextManager[IO[bytes]]:
        return closing(io.BytesIO(self.content[digest]))

    def put(self, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.content[digest] = content
        return digest

    def image(self, *layers: Mapping[str, bytes]) -> str:
        blobs = [gzip.compress(_tar(layer)) for layer in layers]
        described = [{"digest": self.put(blob), "size": len(blob)} for blob in blobs]
        return self.put(json.dumps({"layers": described}).encode())


def _tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def found_in(*layers: Mapping[str, bytes]) -> list[Package]:
    registry = Registry()
    return packages(files_of(registry, registry.image(*layers), is_record))


def document_of(*packages: Package) -> dict[str, Any]:
    text = bill("augmentation-worker", f"sha256:{'0' * 64}", packages, "debian-12")
    document: dict[str, Any] = json.loads(text)
    assert JsonStrictValidator(SCHEMA).validate_str(text) is None
    return document


def test_python_and_debian_packages_are_found_across_layers() -> None:
    assert found_in(BASE, {f"{SITE}/numpy-2.3.0.dist-info/METADATA": NUMPY}) == [
        Package(Kind.DEBIAN, "libc6", "2.36-9+deb12u13", "amd64"),
        Package(Kind.PYTHON, "numpy", "2.3.0", license="BSD-3-Clause AND MIT"),
    ]


def test_package_removed_by_later_layer_is_absent() -> None:
    old = f"{SITE}/numpy-1.0.0.dist-info"
    removed = {f"{SITE}/.wh.numpy-1.0.0.dist-info": b"", f"{SITE}/numpy-2.3.0.dist-info/METADATA": NUMPY}
    assert [package.version for package in found_in({f"{old}/METADATA": OLD_NUMPY}, removed)] == ["2.3.0"]


def test_opaque_folder_of_later_layer_hides_earlier_packages() -> None:
    replaced = {f"{SITE}/zope.interface-7.dist-info/METADATA": ZOPE, f"{SITE}/.wh..wh..opq": b""}
    packages = found_in({f"{SITE}/numpy-1.0.0.dist-info/METADATA": OLD_NUMPY}, replaced)
    assert [package.name for package in packages] == ["zope-interface"]


def test_newest_debian_record_is_used() -> None:
    newer = {"var/lib/dpkg/status": STATUS.replace(b"u13", b"u14")}
    assert [package.version for package in found_in(BASE, newer)] == ["2.36-9+deb12u14"]


def test_interpreter_unknown_to_debian_is_found() -> None:
    header = {"usr/local/include/python3.11/patchlevel.h": b'#define PY_VERSION      \t"3.11.14"\n'}
    assert found_in(header) == [Package(Kind.INTERPRETER, "python", "3.11.14")]


def test_image_of_index_is_read() -> None:
    registry = Registry()
    image = registry.image(BASE)
    index = {
        "manifests": [
            {"digest": "sha256:attested", "platform": {"os": "unknown", "architecture": "unknown"}},
            {"digest": image, "platform": {"os": "linux", "architecture": "amd64"}},
        ]
    }
    files = files_of(registry, registry.put(json.dumps(index).encode()), is_record)
    assert distribution(files) == "debian-12"


def test_bill_is_valid_and_identifies_packages_by_purl() -> None:
    document = document_of(
        Package(Kind.DEBIAN, "libc6", "2.36-9+deb12u13", "amd64"),
        Package(Kind.PYTHON, "numpy", "2.3.0", license="BSD-3-Clause AND MIT"),
        Package(Kind.PYTHON, "odd", "1", license="as you like it"),
        Package(Kind.INTERPRETER, "python", "3.11.14"),
    )
    assert {component["purl"] for component in document["components"]} == {
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u13?arch=amd64&distro=debian-12",
        "pkg:pypi/numpy@2.3.0",
        "pkg:pypi/odd@1",
        "pkg:generic/python@3.11.14",
    }
    assert document["metadata"]["component"]["name"] == "augmentation-worker"


def test_same_image_has_same_serial_number() -> None:
    assert document_of()["serialNumber"] == document_of()["serialNumber"]


@pytest.mark.parametrize("text", ["UNKNOWN", "A whole\n text", "x" * 1000])
def test_license_text_instead_of_name_is_omitted(text: str) -> None:
    metadata = f"Metadata-Version: 2.1\nName: a\nVersion: 1\nLicense: {text.replace(chr(10), chr(10) + ' ')}\n"
    (package,) = packages({f"{SITE}/a-1.dist-info/METADATA": metadata.encode()})
    assert package.license == ""
