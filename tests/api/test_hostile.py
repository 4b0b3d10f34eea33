"""The shared hostile inputs, sent as a gift: what is to be refused is, by field; what is to be kept is kept exactly."""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from ledger.requests import open_person
from ledger.store.engine import reading
from tests.api.asking import assert_whole, gift, size
from tests.shared import shared
from tests.worlds import TODAY, World

JSON = {"content-type": "application/json"}

BODY = (
    '{"entry":{"kind":"gift_received","place":"bank:VCB","fund":"sua","received_on":"@DAY@","parts":[],'
    '"amount":{"minor":@AMOUNT@,"unit":"VND"},"donor":{"private":{"name":@NAME@}}}}'
).replace("@DAY@", TODAY.isoformat())


def cases(name: str) -> list[dict[str, Any]]:
    """The lines of one file."""
    return [json.loads(line) for line in shared(f"hostile/{name}").read_text().splitlines()]


def by_id(found: list[dict[str, Any]]) -> Iterator[Any]:
    return (pytest.param(case, id=case["id"]) for case in found)


def raw(case: dict[str, Any]) -> bytes:
    """The bytes of a body."""
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    if "recipe" in case:
        recipe = case["recipe"]
        text = recipe.get("prefix", "") + recipe["unit"] * recipe["times"] + recipe.get("suffix", "")
    else:
        text = case["text"]
    return str(text).replace("$FUND", "sua").encode("utf-8", "surrogatepass")


def stored_text(world: World, index: int, field: str) -> str | None:
    """What is known of the donor, as the vault gives it back."""
    from ledger.record import decode
    from ledger.store import read

    with reading(world.open.engine) as db:
        body = read.body(db, "hp", index)
        assert body is not None
        person = next(decode(body).entry.persons())
        opened = open_person(db, "hp", world.open.vault, index, person)
    return None if opened is None else opened[1][field]


def refused(answer: Any) -> dict[str, Any]:
    """The problem of a refusal, checked for its shape."""
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["reason"]
    assert problem["title"]
    return problem


def test_amounts(sqlite_client: TestClient, sqlite_world: World) -> None:
    """An amount is taken digit for digit or not at all."""
    for case in cases("amounts.jsonl"):
        before = size(sqlite_client)
        body = BODY.replace("@AMOUNT@", case["token"]).replace("@NAME@", '"An"')
        answer = sqlite_client.post("/api/v1/entries", content=body.encode("utf-8", "surrogatepass"), headers=JSON)
        expected = case["expect"]
        if answer.status_code == 201 and (isinstance(expected, dict) or expected.startswith("accept")):
            index = answer.json()["recorded"][0]["index"]
            amount = sqlite_client.get(f"/api/v1/entries/{index}").json()["entry"]["amount"]["minor"]
            assert str(amount) == (expected["accept"] if isinstance(expected, dict) else case["token"]), case
            continue
        assert not isinstance(expected, dict), (case, answer.text)
        problem = refused(answer)
        assert "minor" in problem["field"] or "amount" in problem["field"], (case, problem)
        assert size(sqlite_client) == before, case
    assert_whole(sqlite_world)


def test_dates(sqlite_client: TestClient, sqlite_world: World) -> None:
    """A day is one day, in one calendar, and not tomorrow."""
    for case in cases("dates.jsonl"):
        before = size(sqlite_client)
        answer = sqlite_client.post("/api/v1/entries", json={"entry": gift(received_on=case["value"])})
        if case["expect"] == "accept" or (case["expect"] == "accept-or-reject" and answer.status_code == 201):
            assert answer.status_code == 201, (case, answer.text)
            record = sqlite_client.get(f"/api/v1/entries/{before}").json()
            assert record["entry"]["received_on"] == case["value"][:10], case
        else:
            assert refused(answer)["field"] == "received_on", case
            assert size(sqlite_client) == before
    assert_whole(sqlite_world)


def test_texts(sqlite_client: TestClient, sqlite_world: World) -> None:
    """A name is kept as NFC of what was typed, or refused by its field; nothing between."""
    for case in cases("text.jsonl"):
        if case["ctx"] == "required":
            continue  # a donor's name is not required: anonymous gifts are gifts
        before = size(sqlite_client)
        if "hex" in case:
            name = b'"' + bytes.fromhex(case["hex"]) + b'"'
        else:
            name = json.dumps(raw(case).decode("utf-8", "surrogatepass"), ensure_ascii=False).encode()
        # What matters for an export is kept where text of several lines has its place: in a memo.
        field = "memo" if case["ctx"] == "export" else "name"
        body = BODY.replace("@AMOUNT@", "50000").replace('"name"', f'"{field}"').encode().replace(b"@NAME@", name)
        answer = sqlite_client.post("/api/v1/entries", content=body, headers=JSON)
        if answer.status_code == 201:
            # «reject-or-flag» is decided for the whole ledger: refused.
            assert case["expect"] in ("keep", "keep-or-reject"), case
            assert stored_text(sqlite_world, before, field) == unicodedata.normalize("NFC", raw(case).decode()), case
        else:
            assert case["expect"] != "keep", (case, answer.text)
            problem = refused(answer)
            assert field in problem["field"] or problem["field"] == "body", (case, problem)
            assert size(sqlite_client) == before
    assert_whole(sqlite_world)


def test_bodies_as_they_are(sqlite_client: TestClient, sqlite_world: World) -> None:
    """No flat body is one of ours, so each is refused, and none breaks anything."""
    before = size(sqlite_client)
    for case in cases("bodies.jsonl"):
        headers = JSON | case.get("headers", {})
        answer = sqlite_client.post("/api/v1/entries", content=raw(case), headers=headers)
        problem = refused(answer)
        assert problem["status"] == answer.status_code
        if case["expect"] in ("413",) or case["expect"].startswith("415"):
            assert answer.status_code == int(case["expect"][:3]), case
    assert size(sqlite_client) == before
    assert_whole(sqlite_world)


def test_bodies_in_our_shape(sqlite_client: TestClient, sqlite_world: World) -> None:
    """The same attacks where they could hurt: inside a right request."""
    for case in cases("bodies.jsonl"):
        body = in_our_shape(case)
        if body is None:
            continue
        before = size(sqlite_client)
        answer = sqlite_client.post("/api/v1/entries", content=body, headers=JSON | case.get("headers", {}))
        expected = case["expect"]
        if answer.status_code == 201:
            assert expected in ("2xx", "4xx-or-same-as-base", "415-or-same-as-base", "documented"), case
        else:
            assert expected != "2xx", answer.text
            refused(answer)
            assert size(sqlite_client) == before
    assert_whole(sqlite_world)


def in_our_shape(case: dict[str, Any]) -> bytes | None:
    """A body of the set with our field names and nesting; None where it has no fields."""
    if "text" not in case or '"@FUND@"' not in case["text"]:
        return None
    text = case["text"].replace("$FUND", "sua").replace('"@FUND@"', '"fund"')
    text = text.replace(',"@NOTE@":""', "")
    text = re.sub(r'"@AMOUNT@":([^,}]+)', r'"amount":{"minor":\1,"unit":"VND"}', text)
    text = re.sub(r'"@DONOR@":("(?:[^"\\]|\\.)*"|[^,}{]+)', r'"donor":{"private":{"name":\1}}', text)
    text = text.replace('"@DONOR@"', '"donor"')
    rest = f'"kind":"gift_received","place":"bank:VCB","received_on":"{TODAY}","parts":[],'
    return (
        str(text)
        .replace('{"fund"', '{"entry":{' + rest + '"fund"')
        .replace('An"}}}', 'An"}}}}')
        .encode("utf-8", "surrogatepass")
    )


def test_queries_and_paths(sqlite_client: TestClient, sqlite_world: World) -> None:
    """Odd ids, paths and parameters: refused or empty, and a missing record and an odd id look the same."""
    missing = sqlite_client.get("/api/v1/entries/999999999999")
    for case in cases("http.jsonl"):
        if "query" in case:
            for path in ("/api/v1/entries", "/api/v1/balances", "/api/v1/proofs/1", "/api/v1/checkpoint"):
                if any(len(str(value)) > 60_000 for value in case["query"].values()):
                    continue  # no client sends it, and the server takes no such line
                answer = sqlite_client.get(path, params=case["query"])
                assert answer.status_code < 500, (case, path)
                refused(answer)
        elif case["cls"] == "object-id":
            identifier = case["path"].removeprefix("/RECEIPT/")
            if identifier in ("1", "0", "%31", "../1", "1/../2"):
                continue
            answer = sqlite_client.get(f"/api/v1/entries/{identifier}")
            assert answer.status_code == 404, case
            if "/" not in identifier:
                assert answer.json() == missing.json(), case
        elif "path" in case:
            for base in ("/", "/api/v1/", "/api/v1/log/hp/", "/api/v1/log/hp/tile/"):
                address = base + case["path"].lstrip("/") if ":" not in case["path"] else base
                documented = address in ("/api/v1/openapi.json", "/metrics")
                assert sqlite_client.get(address).status_code in ((200,) if documented else (404, 405)), case
    assert_whole(sqlite_world)


def test_headers(sqlite_client: TestClient, sqlite_world: World) -> None:
    """A page of another site, a rebound name, a credential nobody checked: none of them records."""
    before = size(sqlite_client)
    taken = 0
    for case in cases("http.jsonl"):
        if "header" not in case or case["header"][0] in ("Content-Length", "Transfer-Encoding"):
            continue  # those two are the server's own, see test_serve
        name, value = case["header"]
        headers = [(b"content-type", b"application/json"), (name.encode(), value.encode("latin-1"))]
        answer = sqlite_client.post("/api/v1/entries", json={"entry": gift()}, headers=headers)
        expected = case["expect"]
        if expected[:3] in ("400", "401", "403") and expected != "400-or-ignored":
            assert answer.status_code == int(expected[:3]), (case, answer.text)
            refused(answer)
        elif answer.status_code == 201:
            taken += 1
        else:
            refused(answer)
    assert size(sqlite_client) == before + taken
    assert_whole(sqlite_world)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_only_the_server_database_minds(client: TestClient, world: World) -> None:
    """PostgreSQL takes no NUL in a text: refused before it gets there, whoever else shares the transaction."""
    for key in ("a\0b", "\0", "á", "a b", "", "x" * 121):
        answer = client.post("/api/v1/entries", json={"entry": gift(), "reference": key})
        assert refused(answer)["field"] == "reference"
    for fund in ("sua\0", "\0"):
        assert refused(client.post("/api/v1/entries", json={"entry": gift(fund=fund)}))["field"] == "fund"
    assert client.get("/api/v1/entries", params={"book": "hp\0"}).status_code == 404
    assert_whole(world)


def test_a_commitment_from_outside_is_refused(sqlite_client: TestClient, sqlite_world: World) -> None:
    """One record that commits to what the vault does not hold would leave the book's audit broken for ever."""
    before = size(sqlite_client)
    for donor in (
        {"seals": [], "tag": "0" * 32},
        {"seals": [{"commitment": "0" * 64, "field": "name"}], "tag": "0" * 32},
    ):
        problem = refused(sqlite_client.post("/api/v1/entries", json={"entry": gift(donor=donor)}))
        assert problem["field"] == "seals, tag"
    # A private value may be called anything.
    named = sqlite_client.post("/api/v1/entries", json={"entry": gift(donor={"private": {"tag": "An"}})})
    assert named.status_code == 201
    assert size(sqlite_client) == before + 1
    assert_whole(sqlite_world)
