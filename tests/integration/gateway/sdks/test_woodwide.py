"""`woodwide` 0.9.0, unmodified."""

from collections.abc import Callable

import pytest

from tests.integration.gateway.sdks.vendor_client import VendorClient, VendorError


@pytest.fixture(scope="module")
def woodwide(start_client: Callable[..., VendorClient]) -> VendorClient:
    return start_client("woodwide")


def test_unknown_job_is_the_clients_not_found_error(woodwide: VendorClient) -> None:
    with pytest.raises(VendorError) as error:
        woodwide("retrieve", job_id="2489e9ad-2ee2-8e00-8ec9-32d5f69181c0")
    assert error.value.kinds[0] == "NotFoundError"
    assert error.value.fields["status_code"] == 404


def test_wrong_key_is_the_clients_authentication_error(start_client: Callable[..., VendorClient]) -> None:
    with pytest.raises(VendorError) as error:
        start_client("woodwide", "wrong")("list_jobs")
    assert error.value.kinds[0] == "AuthenticationError"
