"""Policies: read as tlog-policy says, and no voice counted twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.cosignature import CosigningKey
from ledger.log.merkle import leaf_hash
from ledger.log.note import NoteRejected, Signature, SigningKey, add_signatures
from ledger.log.policy import MOST, PolicyReason, PolicyRejected, parse_policy

LOG = SigningKey.from_seed("sovang.example.org", bytes(32))
KEYS = {name: CosigningKey.from_seed(f"{name}.example.org", bytes([n]) * 32) for n, name in enumerate("ABCDEF", 1)}
WITNESSES = "".join(f"witness {name} {key.vkey}\n" for name, key in KEYS.items())
NOTE = sign_checkpoint(Checkpoint(LOG.name, 7, leaf_hash(b"7")), LOG)
TEXT = Checkpoint(LOG.name, 7, leaf_hash(b"7")).text().encode()


def cosigned(**times: int) -> bytes:
    return add_signatures(NOTE, *(KEYS[name].cosign(TEXT, at) for name, at in times.items()))


def test_a_policy_says_its_logs_witnesses_and_quorum() -> None:
    # Without it a part of the file could be read and lost.
    policy = parse_policy(
        f"# of the flood book\n\n \tlog\t{LOG.vkey}  https://example.org/log/ \n"
        f"{WITNESSES}group g 2 A B C\n quorum g\nlog {SigningKey(LOG.name, bytes([9]) * 32).vkey}"
    )
    assert policy.logs[0].key == LOG.verifier
    assert policy.logs[0].url == "https://example.org/log/"
    assert policy.logs[1].url is None
    assert policy.log_key(LOG.name) == tuple(log.key for log in policy.logs)
    assert policy.log_key("another") == ()
    assert [(witness.name, witness.key) for witness in policy.witnesses] == [
        (name, key.verifier) for name, key in KEYS.items()
    ]
    assert policy.quorum == "g"
    assert policy.groups[0].threshold == 2


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("", "quorum_missing"),
        ("quorum none\nquorum none\n", "quorum_twice"),
        ("quorum A\n", "name_unknown"),
        (f"quorum A\n{WITNESSES}", "name_unknown"),
        ("quorum\n", "items"),
        ("quorum none none\n", "items"),
        ("Quorum none\n", "keyword"),
        ("policy none\n", "keyword"),
        ("log\n", "items"),
        (f"log {LOG.vkey} url url\n", "items"),
        (f"log {LOG.vkey[:-2]}\n", "key"),
        (f"log {KEYS['A'].vkey}\n", "key"),  # a witness's key is no log's
        (f"log {LOG.vkey}\nlog {LOG.vkey}\n", "key_twice"),
        (f"log {LOG.vkey}\nlog {SigningKey('another', LOG.seed).vkey}\n", "key_twice"),
        (f"witness A {LOG.vkey}\n", "key"),  # and the other way round
        (f"witness none {KEYS['A'].vkey}\n", "name_taken"),
        (f"{WITNESSES}witness A {CosigningKey('new', bytes(32)).vkey}\n", "name_taken"),
        (f"{WITNESSES}witness A2 {KEYS['A'].vkey}\n", "key_twice"),
        (f"{WITNESSES}witness A2 {CosigningKey('new', KEYS['A'].seed).vkey}\n", "key_twice"),
        (f"{WITNESSES}group g 1\n", "items"),
        (f"{WITNESSES}group g any A X\n", "name_unknown"),
        (f"{WITNESSES}group g any g\n", "name_unknown"),
        (f"{WITNESSES}group g any none\n", "name_unknown"),
        (f"{WITNESSES}group A any B\n", "name_taken"),
        (f"{WITNESSES}group g all A A\n", "member_twice"),
        (f"{WITNESSES}group g all A B\ngroup h any A C\n", "member_twice"),
        (f"{WITNESSES}group g 0 A\n", "threshold"),
        (f"{WITNESSES}group g 2 A\n", "threshold"),
        (f"{WITNESSES}group g -1 A\n", "threshold"),
        (f"{WITNESSES}group g ² A B\n", "threshold"),
        (f"{WITNESSES}group g 99999999999999999999 A B\n", "threshold"),
        ("quorum none\r\n", "control_character"),
        ("quorum\u00a0none\n", "keyword"),  # only space and tab part items
        ("quorum none\x7f\n", "control_character"),
        ("#" * 70_000 + "\nquorum none\n", "too_large"),
        (
            "".join(f"log {SigningKey('x', bytes([n]) * 32).vkey}\n" for n in range(MOST + 1)) + "quorum none\n",
            "too_large",
        ),
    ],
)
def test_what_is_not_a_policy_is_refused_by_name(lines: str, reason: PolicyReason) -> None:
    # A policy read wrongly would call a checkpoint witnessed that is not.
    if "quorum" not in lines and reason != "quorum_missing":
        lines += "quorum none\n"
    with pytest.raises(PolicyRejected) as refused:
        parse_policy(lines)
    assert refused.value.reason == reason


def test_a_refusal_names_its_line() -> None:
    with pytest.raises(PolicyRejected, match=r"^keyword: line 3: 'quorun'$") as refused:
        parse_policy("# a\n\nquorun none\n")
    assert refused.value.line == 3


def test_thirty_two_of_each_fit() -> None:
    # The least that tlog-policy asks of a reader.
    keys = [CosigningKey(f"w{n}", bytes([n + 1]) * 32) for n in range(32)]
    text = "".join(f"log {SigningKey(f'l{n}', bytes([n]) * 32).vkey}\n" for n in range(32))
    text += "".join(f"witness w{n} {key.vkey}\n" for n, key in enumerate(keys))
    text += "group g0 any w0\n" + "".join(f"group g{n} all g{n - 1} w{n}\n" for n in range(1, 32)) + "quorum g31\n"
    policy = parse_policy(text)
    assert policy.satisfied_by(key.verifier for key in keys)
    assert not policy.satisfied_by(key.verifier for key in keys[1:])


SHAPE = WITNESSES + "group X 2 A B C\ngroup Y any D E\ngroup both all X Y\nquorum both\n"


@given(st.sets(st.sampled_from("ABCDEF")))
def test_groups_of_groups_count_as_they_say(signed: set[str]) -> None:
    # The example of the standard: two of three, and one of two.
    enough = len(signed & set("ABC")) >= 2 and bool(signed & set("DE"))
    assert parse_policy(SHAPE).satisfied_by(KEYS[name].verifier for name in signed) == enough


def test_one_key_is_one_voice() -> None:
    policy = parse_policy(WITNESSES + "group g 2 A B\nquorum g\n")
    assert not policy.satisfied_by([KEYS["A"].verifier] * 5)
    assert not policy.satisfied_by([KEYS["A"].verifier, CosigningKey("B.example.org", KEYS["A"].seed).verifier])


def test_judging_names_who_cosigned_and_when_it_was_enough() -> None:
    policy = parse_policy(WITNESSES + "group g 2 A B C\nquorum g\n")
    judged = policy.judge(cosigned(A=300, B=100, C=200, D=50), LOG.verifier)
    assert judged.checkpoint.size == 7
    assert judged.cosigned == {"A": 300, "B": 100, "C": 200, "D": 50}
    assert (judged.quorum, judged.newest_at, judged.quorum_at) == (True, 300, 200)
    judged = policy.judge(cosigned(A=300, D=50), LOG.verifier)
    assert (judged.quorum, judged.newest_at, judged.quorum_at) == (False, 300, None)
    judged = parse_policy("quorum none\n").judge(cosigned(A=300), LOG.verifier)
    assert (judged.cosigned, judged.quorum, judged.newest_at, judged.quorum_at) == ({}, True, None, None)


def test_a_cosignature_without_a_time_is_not_counted() -> None:
    # It does not say that the witness saw this as its latest.
    judged = parse_policy(WITNESSES + "quorum A\n").judge(cosigned(A=0), LOG.verifier)
    assert (judged.cosigned, judged.quorum) == ({}, False)


def test_a_wrong_line_of_a_listed_witness_rejects_the_note() -> None:
    # Else a forger could hang the name of a witness on a checkpoint, and only the count would tell.
    good = KEYS["A"].cosign(TEXT, 5)
    wrong = Signature(good.name, good.key_hash, good.signature[:-1] + bytes([good.signature[-1] ^ 1]))
    later = Signature(good.name, good.key_hash, (6).to_bytes(8, "big") + good.signature[8:])
    policy = parse_policy(WITNESSES + "quorum B\n")
    for line in (wrong, later):
        with pytest.raises(NoteRejected, match="signature_invalid"):
            policy.judge(add_signatures(NOTE, KEYS["B"].cosign(TEXT, 5), line), LOG.verifier)
    # Of a witness that is not listed it says nothing.
    assert parse_policy("quorum none\n").judge(add_signatures(NOTE, wrong), LOG.verifier).quorum


def test_a_checkpoint_the_log_did_not_sign_is_not_judged() -> None:
    # The witnesses' lines alone do not make it the log's.
    other = SigningKey.from_seed(LOG.name, bytes([7]) * 32)
    policy = parse_policy(WITNESSES + "quorum A\n")
    with pytest.raises(NoteRejected, match="log_signature_missing"):
        policy.judge(cosigned(A=5), other.verifier)
    with pytest.raises(NoteRejected, match="origin_differs"):
        policy.judge(cosigned(A=5), LOG.verifier, origin="another")
