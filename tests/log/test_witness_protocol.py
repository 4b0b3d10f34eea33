"""The witness protocol: what is a request, and which answer each rule gives, in the order of the standard."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.cosignature import CosigningKey
from ledger.log.merkle import EMPTY_ROOT, MAX_SIZE
from ledger.log.note import SigningKey, VerifierKey, add_signatures, encode_base64
from ledger.log.witness import (
    MAX_PROOF_LINES,
    MAX_REQUEST_BYTES,
    AddCheckpoint,
    WitnessReason,
    WitnessRefused,
    judge,
    parse_add_checkpoint,
)
from tests.growing import Log
from tests.shared import shared

LOG = Log()
KEYS = (LOG.key.verifier,)
HASH = encode_base64(bytes(32))


def refusal(body: bytes, latest: Checkpoint | None = None, keys: tuple[VerifierKey, ...] = KEYS) -> WitnessRefused:
    with pytest.raises(WitnessRefused) as refused:
        judge(parse_add_checkpoint(body), keys, latest)
    return refused.value


def outcome(body: bytes, keys: tuple[VerifierKey, ...], latest: Checkpoint | None) -> tuple[int, int | None]:
    """The status, and the size of a 409. Any other error than ours goes through."""
    try:
        judge(parse_add_checkpoint(body), keys, latest)
    except WitnessRefused as refused:
        return refused.status, refused.size
    return 200, None


def test_litewitness_transcript() -> None:
    """Requests of another program, in its order, answered as today's standard says.

    The transcript is older than tlog-witness 1.0.0 and differs in two places. Step 1 (a wrong signature, 403) also
    spells its base64 with unused bits that are not zero, which signed-note forbids: the note is malformed, 400.
    Step 2 (an unknown origin) was 403, and is 404 since 1.0.0.
    """
    transcript = json.loads((shared("vectors/witness-litewitness") / "add-checkpoint.json").read_text("utf-8"))
    statuses: list[int] = [step["status"] for step in transcript["steps"]]
    assert statuses == [200, 403, 403, 422, 422, 200, 409, 200, 409]
    today = [200, 400, 404, 422, 422, 200, 409, 200, 409]
    key = VerifierKey.parse(transcript["log_vkey"])
    latest: Checkpoint | None = None
    for step, status in zip(transcript["steps"], today, strict=True):
        body = step["request"].encode()
        answered, size = outcome(body, (key,), latest)
        assert answered == status
        if status == 409:
            assert step["asserts"] == [f'body == "{size}\\n"']
        if status == 200:
            latest = parse_add_checkpoint(body).checkpoint
            assert parse_add_checkpoint(body).encode() == body


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_request_is_read_as_it_was_written_and_honest_growth_is_signed(old: int, new: int) -> None:
    # Whatever step an honest log takes, its witness follows.
    old, new = sorted((old, new))
    body = LOG.asks(old, new)
    request = parse_add_checkpoint(body)
    assert request.encode() == body
    assert (request.old, request.proof, request.note) == (old, LOG.proof(old, new), LOG.note(new))
    assert judge(request, KEYS, LOG.checkpoint(old) if old else None) == LOG.checkpoint(new)


GOOD = LOG.asks(5, 9)
NOTE = LOG.note(9)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n\n",
        b"old 5",
        b"old 5\n\n",
        b"old 5\n" + NOTE,  # no empty line
        b"old \n\n" + NOTE,
        b"old  5\n\n" + NOTE,
        b"old\t5\n\n" + NOTE,
        b"Old 5\n\n" + NOTE,
        b"new 5\n\n" + NOTE,
        b"old 05\n\n" + NOTE,
        b"old +5\n\n" + NOTE,
        b"old -5\n\n" + NOTE,
        b"old 5 \n\n" + NOTE,
        b"old 5\r\n\n" + NOTE,
        "old ٥\n\n".encode() + NOTE,
        b"old \xff\n\n" + NOTE,
        f"old {MAX_SIZE + 1}\n\n".encode() + NOTE,
        b"old " + b"9" * 5000 + b"\n\n" + NOTE,
        f"old 5\n{HASH[:-1]}\n\n".encode() + NOTE,
        f"old 5\n{HASH[:-2]}B=\n\n".encode() + NOTE,  # unused bits that are not zero
        f"old 5\n{HASH} \n\n".encode() + NOTE,
        f"old 5\n{encode_base64(bytes(31))}\n\n".encode() + NOTE,
        f"old 5\n{encode_base64(bytes(33))}\n\n".encode() + NOTE,
        b"old 5\n" + f"{HASH}\n".encode() * (MAX_PROOF_LINES + 1) + b"\n" + NOTE,
        GOOD.rstrip(b"\n"),
        GOOD + b"\n",
        GOOD + b"x",
        GOOD.replace(b"\n9\n", b"\n09\n"),
        GOOD.replace(b"\n9\n", b"\n0\n"),  # size 0 goes with the root of the empty tree
        GOOD.replace(b"\n9\n", b"\n9\r\n"),
        b"old 0\n\n" + LOG.checkpoint(9).text().encode(),  # not signed at all
        GOOD + b"x" * MAX_REQUEST_BYTES,
    ],
)
def test_what_is_no_request_is_400(body: bytes) -> None:
    # A second spelling of a request would be a second thing to get right in every witness.
    refused = refusal(body)
    assert (refused.status, refused.reason) == (400, "malformed")


def test_the_most_hashes_that_are_taken() -> None:
    body = b"old 5\n" + f"{HASH}\n".encode() * MAX_PROOF_LINES + b"\n" + NOTE
    assert len(parse_add_checkpoint(body).proof) == MAX_PROOF_LINES


@pytest.mark.parametrize(("old", "proof"), [(-1, ()), (MAX_SIZE + 1, ()), (5, (b"x",)), (5, (bytes(32),) * 64)])
def test_a_request_that_nobody_may_send_cannot_be_made(old: int, proof: tuple[bytes, ...]) -> None:
    with pytest.raises(WitnessRefused, match="malformed"):
        AddCheckpoint(old, proof, NOTE)


OTHER = SigningKey.from_seed(LOG.name, bytes(32))
"""A key of the same name that nobody trusts."""


def changed(body: bytes) -> bytes:
    """The same with one bit of the signature turned."""
    note = bytearray(body)
    note[-10] ^= 1 if note[-10] not in b"/+" else 4
    return bytes(note)


AT5, AT9 = LOG.checkpoint(5), LOG.checkpoint(9)
FORK = LOG.fork(3)


@pytest.mark.parametrize(
    ("body", "latest", "status", "reason"),
    [
        # 404 before everything else that needs the log
        (Log("unknown").asks(5, 9), AT5, 404, "origin_unknown"),
        (Log("unknown").asks(7, 9), AT5, 404, "origin_unknown"),
        # 403 before sizes and proofs
        (LOG.asks(5, 9, OTHER), AT5, 403, "signature_missing"),
        (LOG.asks(7, 9, OTHER), AT5, 403, "signature_missing"),
        (changed(GOOD), AT5, 403, "signature_invalid"),
        # 400 before 409
        (AddCheckpoint(9, (), LOG.note(5)).encode(), AT5, 400, "old_size_too_large"),
        # 409 before 422
        (LOG.asks(7, 9), AT5, 409, "old_size_differs"),
        (LOG.asks(0, 9), AT5, 409, "old_size_differs"),
        (LOG.asks(5, 9), None, 409, "old_size_differs"),
        (LOG.asks(3, 5), AT9, 409, "old_size_differs"),
        (AddCheckpoint(7, (bytes(32),), LOG.note(9)).encode(), AT5, 409, "old_size_differs"),
        # 422
        (FORK.asks(5, 5), AT5, 422, "root_differs"),
        (AddCheckpoint(5, (bytes(32),), FORK.note(5)).encode(), AT5, 422, "root_differs"),
        (AddCheckpoint(5, (bytes(32),), LOG.note(5)).encode(), AT5, 422, "proof_failed"),
        (AddCheckpoint(0, (bytes(32),), LOG.note(9)).encode(), None, 422, "proof_failed"),
        (AddCheckpoint(0, (bytes(32),), LOG.note(9)).encode(), LOG.checkpoint(0), 422, "proof_failed"),
        (AddCheckpoint(5, (), LOG.note(9)).encode(), AT5, 422, "proof_failed"),
        (AddCheckpoint(5, LOG.proof(5, 9)[:-1], LOG.note(9)).encode(), AT5, 422, "proof_failed"),
        (AddCheckpoint(5, (*LOG.proof(5, 9), bytes(32)), LOG.note(9)).encode(), AT5, 422, "proof_failed"),
        (FORK.asks(5, 9), AT5, 422, "proof_failed"),
    ],
)
def test_each_rule_has_its_status(body: bytes, latest: Checkpoint | None, status: int, reason: WitnessReason) -> None:
    # Logs act on the number: on a 409 they prove from another size, on a 404 they ask to be taken in.
    refused = refusal(body, latest)
    assert (refused.status, refused.reason) == (status, reason)
    assert refused.size == ((latest.size if latest else 0) if status == 409 else None)


def test_size_zero() -> None:
    # A book is opened before it has records; the witness may know it from then on.
    empty = Checkpoint(LOG.name, 0, EMPTY_ROOT)
    request = parse_add_checkpoint(AddCheckpoint(0, (), sign_checkpoint(empty, LOG.key)).encode())
    assert judge(request, KEYS, None) == empty
    assert judge(request, KEYS, empty) == empty
    assert judge(parse_add_checkpoint(LOG.asks(0, 9)), KEYS, empty) == AT9


def test_any_key_trusted_for_the_origin_will_do() -> None:
    # While a book changes its key, both sign; a wrong line under either name is a forgery.
    both = (*KEYS, OTHER.verifier)
    for keys in ((LOG.key,), (OTHER,), (LOG.key, OTHER)):
        assert judge(parse_add_checkpoint(LOG.asks(5, 9, *keys)), both, AT5) == AT9
    assert refusal(changed(LOG.asks(5, 9, LOG.key, OTHER)), AT5, both).reason == "signature_invalid"


def test_lines_of_strangers_say_nothing() -> None:
    # Other witnesses may have signed before us; we do not know their keys.
    stranger = CosigningKey.from_seed("stranger", bytes(32)).cosign(AT9.text().encode(), 1)
    body = AddCheckpoint(5, LOG.proof(5, 9), add_signatures(LOG.note(9), stranger)).encode()
    assert judge(parse_add_checkpoint(body), KEYS, AT5) == AT9


def test_a_key_speaks_for_its_own_log_only() -> None:
    # A key handed in for another origin must not open this one.
    other = Log("another", seed=bytes(32))
    assert refusal(other.asks(5, 9), AT5, (*KEYS,)).reason == "origin_unknown"


@given(st.binary(max_size=300), st.integers(0, len(GOOD)), st.integers(0, len(GOOD)))
def test_hostile_bytes_are_refused_by_name(noise: bytes, start: int, end: int) -> None:
    # Anybody may send anything: never another error than ours.
    for body in (noise, GOOD[:start] + noise + GOOD[end:], GOOD[start:end]):
        status, _ = outcome(body, KEYS, AT5)
        assert status in (400, 403, 404, 409, 422) or parse_add_checkpoint(body).checkpoint == AT9
