"""Recording through the API: what is answered is what stands in the book."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

from starlette.testclient import TestClient

from api.v1.examples import EXAMPLES, MANY
from ledger.log.checkpoint import open_checkpoint
from ledger.log.proof import verify_proof
from tests.api.asking import assert_whole, gift, size
from tests.worlds import World


def test_a_gift_is_recorded_and_read_back_byte_for_byte(client: TestClient, world: World) -> None:
    """Without it the answer could speak of another record than the one stored."""
    before = size(client)
    answer = client.post("/api/v1/entries", json={"entry": gift(), "reference": "g-1"})
    assert answer.status_code == 201
    (recorded,) = answer.json()["recorded"]
    assert recorded == {"index": before, "leaf_hash": recorded["leaf_hash"], "state": "recorded", "repeated": False}
    stored = client.get(f"/api/v1/entries/{before}")
    assert hashlib.sha256(b"\0" + stored.content).hexdigest() == recorded["leaf_hash"]
    assert stored.headers["sovang-leaf-hash"] == recorded["leaf_hash"]
    record = stored.json()
    assert (record["by"], record["reference"]) == ("api", "api/g-1")
    assert "Hoà" not in stored.text
    assert_whole(world)


def test_waiting_gives_a_signed_checkpoint_that_covers_the_entry(client: TestClient, world: World) -> None:
    """«checkpointed» said of a record that no signature covers would be a promise before its state."""
    answer = client.post("/api/v1/entries?wait=checkpointed", json={"entry": gift()}).json()
    (recorded,) = answer["recorded"]
    assert recorded["state"] == "checkpointed"
    checkpoint, _ = open_checkpoint(answer["checkpoint"]["note"].encode(), world.open.vkey)
    assert checkpoint.size == answer["checkpoint"]["size"] > recorded["index"]
    assert checkpoint.root.hex() == answer["checkpoint"]["root"]
    assert client.get("/api/v1/checkpoint").text == answer["checkpoint"]["note"]
    assert client.get(f"/api/v1/entries/{recorded['index']}").headers["sovang-state"] == "checkpointed"
    proof = client.get(f"/api/v1/proofs/{recorded['index']}").content
    assert verify_proof(proof, bytes.fromhex(recorded["leaf_hash"]), world.open.vkey) == checkpoint
    assert_whole(world)


def test_many_are_recorded_together_or_not_at_all(client: TestClient, world: World) -> None:
    """Half a statement in the book is worse than none."""
    before = size(client)
    refused = client.post("/api/v1/entries", json={"entries": [{"entry": gift()}, {"entry": gift(fund="khong-co")}]})
    assert refused.status_code == 422
    problem = refused.json()
    assert (problem["reason"], problem["field"], problem["details"]["number"]) == ("NO_SUCH_FUND", "fund", 1)
    assert size(client) == before
    taken = client.post("/api/v1/entries", json={"entries": [{"entry": gift()}, {"entry": gift(200)}]})
    assert [one["index"] for one in taken.json()["recorded"]] == [before, before + 1]
    assert_whole(world)


def test_the_same_key_records_once(client: TestClient, world: World) -> None:
    """A caller whose line broke sends again: the donor must not have given twice."""
    first = client.post("/api/v1/entries", json={"entry": gift()}, headers={"Idempotency-Key": "KEY-1"})
    again = client.post("/api/v1/entries", json={"entry": gift(), "reference": "KEY-1"})
    assert (first.status_code, again.status_code) == (201, 200)
    (one,), (same,) = first.json()["recorded"], again.json()["recorded"]
    assert same == {**one, "repeated": True}
    other = client.post("/api/v1/entries", json={"entry": gift(1)}, headers={"Idempotency-Key": "KEY-1"})
    assert (other.status_code, other.json()["reason"]) == (422, "REFERENCE_REUSED")
    lower = client.post("/api/v1/entries", json={"entry": gift()}, headers={"Idempotency-Key": "key-1"})
    assert lower.status_code == 201
    differing = client.post(
        "/api/v1/entries", json={"entry": gift(), "reference": "a"}, headers={"Idempotency-Key": "b"}
    )
    assert (differing.status_code, differing.json()["reason"]) == (422, "REFERENCES_DIFFER")
    assert_whole(world)


def test_sixty_four_equal_posts_at_once_make_one_record(client: TestClient, world: World) -> None:
    """The race that a check before the transaction would lose."""
    before = size(client)

    def post(_: int) -> tuple[int, int]:
        answer = client.post("/api/v1/entries", json={"entry": gift(), "reference": "mot-lan"})
        return answer.status_code, answer.json()["recorded"][0]["index"]

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(post, range(64)))
    assert sorted(answers) == [(200, before)] * 63 + [(201, before)]
    assert size(client) == before + 1
    assert_whole(world)


def test_the_actor_is_named_and_checked(client: TestClient) -> None:
    """`by` and the reference carry the actor: an odd one must not reach them."""
    answer = client.post("/api/v1/entries", json={"entry": gift()}, headers={"X-Sovang-Actor": "cong-thanh-toan"})
    index = answer.json()["recorded"][0]["index"]
    assert client.get(f"/api/v1/entries/{index}").json()["by"] == "cong-thanh-toan"
    odd = client.post("/api/v1/entries", json={"entry": gift()}, headers={"X-Sovang-Actor": "a/b c"})
    assert (odd.status_code, odd.json()["field"]) == (400, "X-Sovang-Actor")


def test_pages_of_entries_follow_one_another(client: TestClient) -> None:
    """A reader who follows `next` sees every record once."""
    seen, start = [], 0
    while start is not None:
        page = client.get(f"/api/v1/entries?start={start}&limit=4").json()
        seen += [one["index"] for one in page["entries"]]
        assert all(one["record"]["index"] == one["index"] for one in page["entries"])
        start = page.get("next")
    assert seen == list(range(size(client)))


def test_text_is_kept_in_nfc_and_an_instant_becomes_the_books_day(client: TestClient, world: World) -> None:
    """One name typed on two keyboards is one text; 00:30 in Hải Phòng is not the day before."""
    nfd, nfc = "Nguye\u0302\u0303n Thi\u0323 Hoa\u0300", "Nguy\u1ec5n Th\u1ecb Ho\u00e0"
    entry = gift(name=nfd, received_on="2026-01-15T00:30:00+07:00")
    first = client.post("/api/v1/entries", json={"entry": entry, "reference": "nfd"})
    again = client.post("/api/v1/entries", json={"entry": gift(name=nfc, received_on="2026-01-15"), "reference": "nfd"})
    assert (first.status_code, again.status_code) == (201, 200)
    index = first.json()["recorded"][0]["index"]
    assert client.get(f"/api/v1/entries/{index}").json()["entry"]["received_on"] == "2026-01-15"
    assert_whole(world)


def test_every_example_of_the_documentation_works(client: TestClient, world: World) -> None:
    """An example that is refused is the first thing a newcomer meets."""
    for example in [*EXAMPLES.values(), MANY]:
        answer = client.post("/api/v1/entries", content=json.dumps(example["value"]), headers=JSON)
        assert answer.status_code == 201, answer.text
    assert_whole(world)


JSON = {"content-type": "application/json"}
