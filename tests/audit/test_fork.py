"""Fork proofs: two histories under one key, shown to anybody who holds the public half, and nothing else shown."""

import json
import random
from pathlib import Path

import pytest

from audit.fork import NoFork, check_fork, compare, make_fork
from audit.queries import prove, write_tiles
from ledger.log import canonical
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.merkle import ProofFailed, prefix_roots, prove_prefix, root_of
from ledger.log.note import NoteRejected, SigningKey, encode_base64
from ledger.log.tiles import reader_of
from tests.api.test_cli import sovang
from tests.audit.conftest import Case

KEY = SigningKey.from_seed("example.org/log", bytes(32))


def note(leaves: list[bytes], key: SigningKey = KEY) -> bytes:
    return sign_checkpoint(Checkpoint(key.name, len(leaves), root_of(leaves)), key)


def trees(old: int, new: int) -> tuple[list[bytes], list[bytes]]:
    """Leaves of an older tree, and of a newer one that begins otherwise."""
    draw = random.Random(f"{old}/{new}")
    older = [draw.randbytes(32) for _ in range(old)]
    newer = older[: draw.randrange(old)]
    return older, newer + [draw.randbytes(32) for _ in range(new - len(newer))]


PAIRS = [
    (old, new) for new in (*range(1, 18), 31, 32, 33, 257) for old in sorted({1, 2, 3, 4, 7, 8, 16, new}) if old <= new
]


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_every_pair_of_sizes(old: int, new: int) -> None:
    """Two histories are proven; one history is not, also where the old tree is perfect or the sizes are equal."""
    older, newer = trees(old, new)
    proof = make_fork(note(older), note(newer), reader_of(newer), KEY.verifier)
    fork = check_fork(proof, KEY.verifier)
    assert (fork.older.size, fork.newer.size) == (old, new)
    with pytest.raises(NoFork):
        make_fork(note(newer[:old]), note(newer), reader_of(newer), KEY.verifier)
    if old < new:
        path = prove_prefix(old, new, reader_of(newer))
        assert prefix_roots(old, new, path) == (root_of(newer[:old]), root_of(newer))
        for wrong in (path[:-1], (*path, bytes(32))):
            with pytest.raises(ProofFailed):
                prefix_roots(old, new, wrong)


def test_nobody_but_the_owner_can_make_one() -> None:
    """Another key, a changed note, a path that leads elsewhere, another spelling: each is refused."""
    older, newer = trees(5, 9)
    other = SigningKey.from_seed(KEY.name, bytes([1] * 32))
    good = make_fork(note(older), note(newer), reader_of(newer), KEY.verifier)
    with pytest.raises(NoteRejected):
        check_fork(good, other.verifier)
    said = json.loads(good)
    draw = random.Random(1)
    for name, wrong in (
        ("older", note(older, other).decode()),
        ("newer", note(trees(5, 10)[1]).decode()),
        ("path", said["path"][:-1]),
        ("path", [said["path"][0], *reversed(said["path"][1:])]),
        ("path", []),
        ("format", "sovang-fork/2"),
    ):
        changed = json.dumps({**said, name: wrong}, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
        with pytest.raises((ProofFailed, NoteRejected)):
            check_fork(changed.encode(), KEY.verifier)
    for _ in range(200):
        flipped = bytearray(good)
        flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
        with pytest.raises((ProofFailed, NoteRejected)):
            check_fork(bytes(flipped), KEY.verifier)
    for junk in (b"", b"{}", b"[" * 100_000, good + b"\n", good.replace(b'","', b'", "')):
        with pytest.raises(ProofFailed):
            check_fork(junk, KEY.verifier)


def test_two_trees_of_one_size_need_no_path() -> None:
    """Else one fork has as many proofs as somebody likes to append hashes."""
    older, newer = trees(5, 5)
    said = json.loads(make_fork(note(older), note(newer), reader_of(newer), KEY.verifier))
    assert said["path"] == []
    for path in ([bytes(32)], [root_of(older)], list(prove_prefix(3, 5, reader_of(newer)))):
        longer = canonical.encode({**said, "path": [encode_base64(node) for node in path]})
        with pytest.raises(ProofFailed) as refused:
            check_fork(longer, KEY.verifier)
        assert refused.value.reason == "proof_too_long"


def test_a_smaller_log_is_a_rollback_and_no_fork_proof() -> None:
    older, newer = trees(5, 9)
    compared = compare(note(newer), note(newer[:5]), reader_of(newer[:5]), KEY.verifier)
    assert compared.rolled_back
    assert compared.fork is None
    grown = compare(note(newer[:5]), note(newer), reader_of(newer), KEY.verifier)
    assert (grown.rolled_back, grown.fork) == (False, None)
    with pytest.raises(ProofFailed):  # a tree that is not the one signed proves nothing about the key
        compare(note(older), note(newer), reader_of([bytes(32), *newer[1:]]), KEY.verifier)


def test_by_command(case: Case, tmp_path: Path) -> None:
    """From an old proof and a published log to the file that anybody can check."""
    world = case.world
    write_tiles(world.open, tmp_path / "tiles")
    key = world.open.signer.key()
    proof, old = tmp_path / "3.tlog-proof", tmp_path / "old.note"
    proof.write_bytes(prove(world.open, 3))
    old.write_bytes(case.notes[1][1])
    given = ("--vkey", key.vkey, "--against", tmp_path / "tiles", "--json")
    for file in (proof, old):
        said = sovang("check", file, *given)
        assert (said.code, said.said["findings"]) == (0, [])
    # Another history of the size of the old checkpoint, signed by the same key.
    forged = sign_checkpoint(Checkpoint(key.name, case.notes[1][0], bytes(32)), key)
    old.write_bytes(forged)
    evidence = tmp_path / "it.sovang-fork"
    forked = sovang("check", old, *given, "--fork-out", evidence)
    assert (forked.code, forked.said["findings"]) == (1, [{"kind": "FORKED"}])
    checked = sovang("check", evidence, "--vkey", key.vkey, "--json")
    assert (checked.code, checked.said["older"]["size"]) == (0, case.notes[1][0])
    assert check_fork(evidence.read_bytes(), key.verifier).newer.size == case.untouched.size
    stranger = SigningKey.from_seed(key.name, bytes([9] * 32)).vkey
    assert sovang("check", evidence, "--vkey", stranger).code == 1
    # The log shows less than the proof was made under.
    (tmp_path / "tiles/checkpoint").write_bytes(case.notes[1][1])
    back = sovang("check", proof, *given, "--fork-out", evidence)
    assert (back.code, back.said["findings"]) == (1, [{"kind": "ROLLED_BACK"}])
    kept = Path(back.said["evidence"]).read_bytes()
    assert case.notes[1][1] in kept
    assert not kept.startswith(b"{")
