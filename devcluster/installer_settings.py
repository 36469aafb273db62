"""This machine's pip settings, for the pip and uv that run inside an image build.

They are mounted for the time of the build, never copied: an index inside a company, its certificate authority or a
password in its address stays out of the image.
"""

import ast
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from devcluster.process import output_of

# Where every Dockerfile has uv's cache.
UV_CACHE_IN_BUILD = "/var/cache/uv"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_BUNDLES = (CERTIFICATES, "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
# pip's own names; find-links and cache folders are paths of this machine that a build does not have.
_KEPT = ("index-url", "extra-index-url", "trusted-host", "default-timeout", "timeout", "retries")


def certificate_bundle(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The certificate authorities that this machine trusts."""
    candidates = (environ.get("SSL_CERT_FILE", ""), *_BUNDLES)
    return next((Path(each) for each in candidates if each and Path(each).is_file()), None)


def uv_cache(environ: Mapping[str, str] = os.environ) -> Path:
    """uv's cache on this machine: wheels that a virtual environment brought are not fetched again for an image."""
    if folder := environ.get("UV_CACHE_DIR"):
        return Path(folder).resolve()
    cache = environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if cache.startswith("/") else Path.home() / ".cache") / "uv"


def parse_pip_settings(listed: str) -> dict[str, str]:
    """The settings of `pip config list` that a build needs; later lines win, as they do for pip."""
    found: dict[str, str] = {}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if name in _KEPT and key.startswith(("global.", ":env:.", "install.")):
            try:
                found["timeout" if name == "default-timeout" else name] = str(ast.literal_eval(value))
            except (ValueError, SyntaxError):
                continue
    return found


def pip_conf(settings: Mapping[str, str]) -> str:
    """A pip.conf; a setting of several values has them on lines of their own."""
    lines = ["[global]", f"cert = {CERTIFICATES}"]
    lines += [f"{name} = " + "\n    ".join(value.split()) for name, value in sorted(settings.items())]
    return "\n".join(lines) + "\n"


def uv_toml(settings: Mapping[str, str]) -> str:
    """The same for uv, which reads neither pip.conf nor PIP_*."""
    lines = ["system-certs = true"]
    if index := settings.get("index-url"):
        lines.append(f"index-url = {json.dumps(index)}")
    if more := settings.get("extra-index-url", "").split():
        lines.append(f"extra-index-url = {json.dumps(more)}")
    if hosts := settings.get("trusted-host", "").split():
        lines.append(f"allow-insecure-host = {json.dumps(hosts)}")
    return "\n".join(lines) + "\n"


def build_volumes(folder: Path) -> list[str]:
    """Write the settings to `folder`; the volumes (source:target:options) that show them to a build."""
    settings = parse_pip_settings(output_of([sys.executable, "-m", "pip", "config", "list"]) or "")
    folder.chmod(0o700)
    (folder / "pip.conf").write_text(pip_conf(settings), encoding="utf-8")
    (folder / "uv.toml").write_text(uv_toml(settings), encoding="utf-8")
    volumes = [f"{folder}/pip.conf:/etc/pip.conf:ro", f"{folder}/uv.toml:/etc/uv/uv.toml:ro"]
    if bundle := certificate_bundle():
        volumes.append(f"{bundle.resolve()}:{CERTIFICATES}:ro")
    wheels = uv_cache()
    wheels.mkdir(parents=True, exist_ok=True)
    volumes.append(f"{wheels}:{UV_CACHE_IN_BUILD}")
    return volumes
