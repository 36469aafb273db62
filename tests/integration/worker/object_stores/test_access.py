"""How a pod gets to a store and is let in: private authorities, proxies, renewed Secrets, identities of the clouds."""

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from augmentation_api import FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.object_store import credentials
from augmentation_worker.storage.object_store.client import StoreClient
from tests.fixtures.authority import Authority
from tests.integration.forward_proxy import forward_proxy
from tests.integration.worker.object_stores.conftest import BUCKET, DATASET, client_of
from tests.integration.worker.object_stores.store_proxy import Answered, Asked, Send, proxied
from tests.integration.worker.object_stores.store_servers import S3_PASSWORD, S3_USER, StoreServer

NAME = "store.company.test"
"""A name that nobody resolves but the proxy."""
INFO = f"{DATASET}/meta/info.json"


def client_in(environment: Mapping[str, str], store: StoreServer, **access: Any) -> StoreClient:
    reached = store.access(BUCKET, DATASET, **access)
    return StoreClient(reached, environment, "source", 0.0, lambda _attempt, _problem: None)


def test_store_of_a_private_authority_is_reached_through_the_companys_proxy(s3: StoreServer, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = authority.server_context(NAME, "127.0.0.1")
    with proxied(s3.url, tls=tls) as secure, forward_proxy({NAME: "127.0.0.1"}, "between-us") as proxy:
        port = secure.url.rpartition(":")[2]
        company = {"AUGMENTATION_CA_BUNDLE": str(authority.certificate), "HTTPS_PROXY": proxy.url}
        client = client_in(company, s3, endpoint=f"https://{NAME}:{port}")
        assert client.head(INFO) is not None
        assert set(proxy.asked) == {f"{NAME}:{port}"}
        direct = client_in({**company, "NO_PROXY": "127.0.0.1"}, s3, endpoint=secure.url)
        assert direct.head(INFO) is not None
        wrong = company | {"HTTPS_PROXY": proxy.url.replace("between-us", "a-wrong-password")}
        with pytest.raises(WorkerFailure) as refused:
            client_in(wrong, s3, endpoint=f"https://{NAME}:{port}").head(INFO)
        assert "password" not in refused.value.message
        assert "the proxy in between refuses" in refused.value.message
        with pytest.raises(WorkerFailure, match="is not trusted: set caBundle of the AugmentationClass") as untrusted:
            client_in({}, s3, endpoint=secure.url).head(INFO)
        assert untrusted.value.reason is FailureReason.STORE_UNTRUSTED


def test_renewed_secret_works_in_a_pod_that_runs(
    s3: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "_REREAD_AFTER", timedelta(0))
    (tmp_path / "AWS_ACCESS_KEY_ID").write_text(S3_USER)
    (tmp_path / "AWS_SECRET_ACCESS_KEY").write_text("one-that-was-replaced")
    client = client_of(s3, DATASET, side="source", credentials_folder=str(tmp_path))
    with pytest.raises(WorkerFailure, match="are not accepted, asked with the Secret store-key") as old:
        client.head(INFO)
    assert old.value.reason is FailureReason.CREDENTIALS_INVALID
    assert "replaced" not in old.value.message
    (tmp_path / "AWS_SECRET_ACCESS_KEY").write_text(S3_PASSWORD)
    assert client.head(INFO) is not None


def test_role_of_a_service_account_of_eks_is_asked_for(
    s3: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("token-of-the-pod")
    keys = {"AccessKeyId": "ASIA1", "SecretAccessKey": "a-key", "SessionToken": "of-a-session", "Expiration": _LATER}
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in keys.items())
    answer = f"<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>{inner}</Credentials>"
    answer += "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    authority = Authority(tmp_path)  # tokens go over TLS alone
    tls = authority.server_context("127.0.0.1")
    with (
        proxied(_NOWHERE, lambda _asked, _send: Answered(200, [], answer.encode()), tls) as sts,
        proxied(_NOWHERE, lambda _asked, _send: Answered(404, [], b"")) as store,
    ):
        monkeypatch.setenv("AUGMENTATION_CA_BUNDLE", str(authority.certificate))
        monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/augmentation")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        assert client_in(os.environ, s3, **_WORKLOAD, endpoint=store.url).head(INFO) is None
    assert store.asked[0].headers["x-amz-security-token"] == "of-a-session"
    assert "Credential=ASIA1/" in store.asked[0].headers["authorization"]
    assert "token-of-the-pod" in sts.asked[0].target + sts.asked[0].body.decode()


def test_identity_of_gke_is_asked_of_the_metadata_server(
    servers: Mapping[str, StoreServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = json.dumps({"access_token": "token-of-gke", "expires_in": 3600, "token_type": "Bearer"})
    gcs = servers["gcs"]
    with (
        proxied(_NOWHERE, lambda _asked, _send: Answered(200, [], token.encode())) as metadata,
        forward_proxy({"127.0.0.1": "127.0.0.1"}) as company,
    ):
        monkeypatch.setenv("GCE_METADATA_HOST", metadata.url.replace("http://127.0.0.1", "localhost"))
        monkeypatch.setenv("HTTP_PROXY", company.url)
        gcs.proxy.asked.clear()
        assert client_in(os.environ, gcs, **_WORKLOAD).head(INFO) is not None
    assert set(company.asked) == {gcs.proxy.url.removeprefix("http://")}
    assert [asked.headers.get("authorization") for asked in gcs.proxy.asked] == ["Bearer token-of-gke"]
    assert metadata.asked[0].headers.get("metadata-flavor") == "Google"


def test_federated_identity_of_aks_is_exchanged_for_a_token(
    servers: Mapping[str, StoreServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("token-of-the-pod")
    given = json.dumps({"access_token": "token-of-aks", "expires_in": 3600})

    def entra_and_store(asked: Asked, _send: Send) -> Answered:
        if asked.method == "POST":
            return Answered(200, [("Content-Type", "application/json")], given.encode())
        return Answered(404, [], b"")

    with proxied(_NOWHERE, entra_and_store) as cloud:
        monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.setenv("AZURE_TENANT_ID", "a-tenant")
        monkeypatch.setenv("AZURE_CLIENT_ID", "an-application")
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", cloud.url)
        client = client_in(os.environ, servers["azure"], **_WORKLOAD, endpoint=f"{cloud.url}/account")
        assert client.head(INFO) is None
    assert "token-of-the-pod" in cloud.asked[0].body.decode()
    assert cloud.asked[1].headers.get("authorization") == "Bearer token-of-aks"


_WORKLOAD: dict[str, Any] = {"identity": "workload", "secret": None, "credentials_folder": None}
_NOWHERE = "http://127.0.0.1:9"
_LATER = "2099-01-01T00:00:00Z"
