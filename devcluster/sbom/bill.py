"""A bill of materials in CycloneDX's JSON."""

import uuid
from collections.abc import Iterable

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from devcluster.sbom.packages import Kind, Package

SCHEMA = SchemaVersion.V1_6


def bill(image: str, digest: str, packages: Iterable[Package], distribution: str) -> str:
    """The document of one image. The same image gives the same serial number.

    Args:
        image: its name.
        digest: `sha256:…` of its manifest.
        packages: what is installed in it.
        distribution: Debian's release, as `distribution` of packages.py gives it.
    """
    itself = Component(
        name=image,
        version=digest,
        type=ComponentType.CONTAINER,
        purl=PackageURL("oci", name=image, version=digest),
        bom_ref=f"{image}@{digest}",
    )
    document = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{image}@{digest}"))
    document.metadata.component = itself
    components = [_component(package, distribution) for package in packages]
    document.components.update(components)
    document.register_dependency(itself, components)
    return make_outputter(document, OutputFormat.JSON, SCHEMA).output_as_string(indent=1)


def _component(package: Package, distribution: str) -> Component:
    qualifiers = {"arch": package.architecture, "distro": distribution} if package.kind is Kind.DEBIAN else {}
    purl = PackageURL(
        str(package.kind),
        namespace="debian" if package.kind is Kind.DEBIAN else None,
        name=package.name,
        version=package.version,
        qualifiers={name: value for name, value in qualifiers.items() if value},
    )
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.APPLICATION if package.kind is Kind.INTERPRETER else ComponentType.LIBRARY,
        purl=purl,
        bom_ref=purl.to_string(),
        licenses=[LicenseFactory().make_from_string(package.license)] if package.license else [],
    )
