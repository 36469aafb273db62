"""How the pods of a class reach what is outside the cluster: certificates that they trust in addition, and proxies."""

import ssl
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from augmentation_api.model import Model, kubernetes_rule
from augmentation_api.pod_volume import DataKey, ResourceName

CA_BUNDLE_KEY: Final = "ca.crt"
_MAX_PEM: Final = 32 * 1024
"""Characters: some twenty certificates. The class is copied into the status of each of its jobs."""
_ONE_SOURCE = "caBundle takes exactly one of pem, configMap, secret"
_NO_CERTIFICATE = (
    "caBundle.pem has to hold certificates (-----BEGIN CERTIFICATE-----) and no key: put the certificate of the "
    "authority there, as openssl x509 prints it"
)
_PUBLIC = (
    "a proxy's URL may hold no user and password, as everybody may read a class: set HTTPS_PROXY in podTemplate.env, "
    "with valueFrom a Secret"
)
_URL = "has to be the URL of a proxy, e.g. http://proxy.example:3128"
_URL_PATTERN: Final = r"^https?://[^\s/]+/?$"


class BundleKey(Model):
    """A key of a ConfigMap or Secret in the job's namespace that holds certificates."""

    name: ResourceName = Field(description="Name in the job's namespace.")
    key: DataKey = Field(CA_BUNDLE_KEY, description="Key with certificates in PEM.")


class CaBundle(Model):
    """Certificates of authorities that pods trust in addition to the public ones: exactly one source."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                kubernetes_rule(
                    "[has(self.pem), has(self.configMap), has(self.secret)].exists_one(given, given)", _ONE_SOURCE
                ),
                kubernetes_rule(
                    "!has(self.pem) || (self.pem.contains('-----BEGIN CERTIFICATE-----') && "
                    "!self.pem.contains('PRIVATE KEY-----'))",
                    _NO_CERTIFICATE,
                ),
            ]
        }
    )

    pem: Annotated[str, StringConstraints(max_length=_MAX_PEM)] | None = Field(
        None,
        description="The certificates themselves, in PEM, some twenty. The operator puts them next to each job.",
    )
    config_map: BundleKey | None = Field(
        None,
        description="A ConfigMap in each job's namespace, as trust-manager or OpenShift's inject-trusted-cabundle keep "
        "one.",
    )
    secret: BundleKey | None = Field(None, description="A Secret in each job's namespace.")

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if sum(source is not None for source in (self.pem, self.config_map, self.secret)) != 1:
            raise ValueError(_ONE_SOURCE)
        if self.pem is not None:
            if "PRIVATE KEY-----" in self.pem:
                raise ValueError(_NO_CERTIFICATE)
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=self.pem)
            except (ssl.SSLError, ValueError) as error:
                raise ValueError(_NO_CERTIFICATE) from error
        return self


ProxyUrl = Annotated[str, StringConstraints(pattern=_URL_PATTERN, max_length=512)]


class Proxy(Model):
    """Proxies of pods for what is outside the cluster; the Kubernetes API is never asked through one."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                kubernetes_rule(
                    "!(has(self.http) && self.http.contains('@')) && !(has(self.https) && self.https.contains('@'))",
                    _PUBLIC,
                )
            ]
        }
    )

    http: ProxyUrl | None = Field(None, description=f"For http:// URLs (HTTP_PROXY); {_URL}.")
    https: ProxyUrl | None = Field(None, description=f"For https:// URLs (HTTPS_PROXY); {_URL}.")
    no_proxy: list[Annotated[str, StringConstraints(pattern=r"^[^\s,]+$", max_length=253)]] = Field(
        default=[],
        max_length=64,
        description="Hosts, domains (.example) and networks (10.0.0.0/8) that are reached directly, in addition to the "
        "cluster's own (NO_PROXY).",
    )

    @model_validator(mode="after")
    def _holds_no_password(self) -> Self:
        if any("@" in (url or "") for url in (self.http, self.https)):
            raise ValueError(_PUBLIC)
        return self


CLUSTER_HOSTS: Final = ("localhost", "127.0.0.1", "::1", ".svc", ".cluster.local")
"""Hosts that no proxy is for, wherever the cluster is."""
PROXY_VARIABLES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def proxy_variables(proxy: Proxy, api_server: str) -> dict[str, str]:
    """The environment of a program that is to use a proxy, in the upper and lower case that libraries look for.

    Args:
        api_server: host of the Kubernetes API, which is added to NO_PROXY.
    """
    values = dict(
        zip(
            PROXY_VARIABLES,
            (proxy.http, proxy.https, ",".join([*proxy.no_proxy, api_server, *CLUSTER_HOSTS])),
            strict=True,
        )
    )
    given = {name: value for name, value in values.items() if value}
    return given | {name.lower(): value for name, value in given.items()}
