"""The OpenAPI document says what the API does: a program made from it works."""

import itertools
from typing import Any, cast

import jsonschema_rs
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from api.app import create_app
from api.v1.examples import EXAMPLES, MANY
from ledger.entries.union import KINDS
from tests.api.asking import assert_whole
from tests.api.conftest import ADDRESS
from tests.worlds import World


def test_every_answer_and_refusal_is_described(sqlite_client: TestClient) -> None:
    """A status that is not in the document is one no client handles."""
    document = sqlite_client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert {"200", "400", "404", "503"} <= set(operation["responses"]), (path, method)
            assert " — " in operation["summary"] or "tlog-tiles" in operation["summary"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    text = str(document)
    for reason in ("WOULD_BE_OVERDRAWN", "REFERENCE_REUSED", "COMMIT_UNKNOWN"):
        assert reason in text


def test_every_reference_in_the_document_leads_somewhere(sqlite_client: TestClient) -> None:
    """A broken reference stops every generator of clients."""
    document = sqlite_client.get("/api/v1/openapi.json").json()

    def references(value: object) -> itertools.chain[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return itertools.chain(own, *(references(item) for item in value.values()))
        return itertools.chain(*(references(item) for item in value)) if isinstance(value, list) else itertools.chain()

    for reference in references(document):
        found = document
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]


def test_every_kind_has_a_schema_and_a_title(sqlite_client: TestClient) -> None:
    """A form made from the document shows every kind, in both languages."""
    answer = sqlite_client.get("/api/v1/kinds").json()
    assert {one["kind"] for one in answer["kinds"]} == set(KINDS)
    for one in answer["kinds"]:
        assert one["title"]["vi"], one
        assert one["title"]["en"], one
        schema = {"$ref": one["schema"]["$ref"], "$defs": answer["$defs"]}
        jsonschema_rs.validator_for(schema)
    assert "(?!" not in str(answer)


@pytest.mark.parametrize("example", [*EXAMPLES.values(), MANY], ids=[*EXAMPLES, "many"])
def test_examples_fit_the_schema(sqlite_client: TestClient, example: dict[str, object]) -> None:
    """An example that the document itself refuses teaches nobody."""
    document = sqlite_client.get("/api/v1/openapi.json").json()
    schema = document["paths"]["/api/v1/entries"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    checked = {**schema, "components": document["components"]}
    jsonschema_rs.validator_for(checked).validate(example["value"])


def _latin(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1", "replace")


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_generated_requests_meet_no_surprise(sqlite_world: World, mode: GenerationMode) -> None:
    """Requests nobody thought of, right and wrong: no 5xx, and every answer is of the shape described."""
    app = create_app(sqlite_world.home, render_paper=lambda _book, _index: b"%PDF-")
    with TestClient(app, base_url=ADDRESS) as client:
        client.post("/api/v1/entries?wait=checkpointed", json=EXAMPLES["place_opened"]["value"])
        schema = schemathesis.openapi.from_dict(client.get("/api/v1/openapi.json").json())
        statuses: set[tuple[str, int]] = set()
        left_out: set[str] = set()
        for found in schema.get_all_operations():
            assert isinstance(found, Ok)
            operation = found.ok()

            def check(case: schemathesis.Case[Any]) -> None:
                asked = requests.Request(**case.as_transport_kwargs(base_url=ADDRESS)).prepare()
                headers = [(name.encode(), _latin(value)) for name, value in asked.headers.items()]
                answer = client.request(
                    str(asked.method), str(asked.url), headers=headers, content=cast(bytes | None, asked.body)
                )
                statuses.add((case.method, answer.status_code))
                case.validate_response(answer, checks=CHECKS)

            bounded = settings(
                max_examples=30 if operation.method == "post" else 6,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            try:
                bounded(given(operation.as_strategy(generation_mode=mode))(check))()
            except Unsatisfiable:
                left_out.add(operation.path)
    # Where there are no parameters, or any text will do, nothing can be asked wrongly.
    assert not left_out & {"/api/v1/entries", "/api/v1/entries/{index}", "/api/v1/balances"}
    assert ("POST", 400) in statuses
    assert_whole(sqlite_world)
