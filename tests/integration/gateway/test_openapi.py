"""Generated requests, valid and invalid, with and without a key, get the responses that OpenAPI documents."""

import httpx

from tests.integration.gateway.conftest import GatewayProcess
from tests.integration.gateway.jobs import JOBS, eventually
from tests.integration.gateway.openapi_fuzz import fuzz


def test_every_response_conforms_to_openapi_document(gateway: GatewayProcess) -> None:
    # In a namespace of its own: it deletes what it finds.
    gateway.create_key("fuzzed", "--namespace", "elsewhere")
    with gateway.client("fuzzed") as http:
        eventually(lambda: http.get(JOBS).status_code == 200)
    outcome = fuzz(gateway, gateway.keys["fuzzed"], examples=2, seed=7)
    assert outcome.passed, outcome.report
    # Fewer would mean that schemathesis did not get at the routes.
    assert outcome.cases > 500, outcome.report


def test_responses_without_key_conform_to_openapi_document(gateway: GatewayProcess) -> None:
    outcome = fuzz(gateway, None, examples=2, seed=7, phases="fuzzing")
    assert outcome.passed, outcome.report
    assert outcome.cases > 50, outcome.report


def test_document_is_openapi_3_1_with_request_example(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1.")
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], f"{method} {path}"
            assert operation["tags"], f"{method} {path}"
    request = document["components"]["schemas"]["AugmentationRequest"]
    assert http.post(JOBS, json=request["examples"][0]).status_code == 201
