"""A log, three witnesses and a bad network, from a seed: never two roots of one size with a quorum, and always well
again once the trouble ends.

Real are the witness (audit/witness/core.py), the operator's side (ledger/witnesses.py), the proofs, notes and
signatures, and the judgement of the policy. Played are the clock, the network (requests and answers lost, requests
that arrive late, even after newer ones), restarts, memories set back, and the log: a list of leaves, whose signer
remembers what it signed as the real one does (its own crashes are tested in tests/ledger/test_checkpointer.py).

Two sorts of log:

- honest: it may crash, lose answers and be set back to an older copy, and then signs nothing until the lost records
  are put back. Any witness may be set back as well. There is one history, so whatever is cosigned is of it.
- forking: its operator holds the key and shows one history to some witnesses and another to others. No witness is
  set back here: a quorum of 2 of 3 has one witness in common with every other quorum, and stands on that one. (With
  one witness that lost its memory, a forking operator needs a quorum of 3 of 4 against him; see the last test.)

`SOVANG_SIMULATION=20000` sets the number of seeds; a seed that fails is in the test's message.
"""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from audit.witness import MemoryStore, Witness
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.cosignature import CosigningKey
from ledger.log.merkle import Reader, leaf_hash, prove_consistency, root_of
from ledger.log.note import SigningKey, add_signatures, parse_signature_line
from ledger.log.policy import Policy, parse_policy
from ledger.witnesses import Reply, Witnesses, WitnessSilent

SEEDS = int(os.environ.get("SOVANG_SIMULATION", "500"))
BLOCK = 50
ORIGIN = "sovang/thu/simulation"
KEY = SigningKey.from_seed(ORIGIN, bytes(range(32)))
START = datetime(2026, 9, 1, tzinfo=UTC)
NAMES = ("mot", "hai", "ba", "bon")
COSIGNERS = [CosigningKey.from_seed(f"{name}.example", bytes([number]) * 32) for number, name in enumerate(NAMES, 1)]


def policy_of(count: int, quorum: int) -> Policy:
    chosen = list(zip(NAMES, COSIGNERS, strict=True))[:count]
    lines = [f"witness {name} {key.vkey} https://{name}.example\n" for name, key in chosen]
    names = " ".join(name for name, _ in chosen)
    return parse_policy("".join((*lines, f"group enough {quorum} {names}\n", "quorum enough\n")))


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


@dataclass
class History:
    """Leaves, and every checkpoint that was signed over them with the lines that were kept."""

    leaves: list[bytes] = field(default_factory=list)
    lines: dict[tuple[int, str], str] = field(default_factory=dict)

    def grow(self, salt: str, count: int) -> None:
        for _ in range(count):
            self.leaves.append(leaf_hash(f"{salt} {len(self.leaves)}".encode()))

    def checkpoint(self, size: int) -> Checkpoint:
        return Checkpoint(ORIGIN, size, root_of(self.leaves[:size]))

    def reader(self) -> Reader:
        def read(level: int, index: int) -> bytes:
            return root_of(self.leaves[index << level : (index + 1) << level])

        return read


@dataclass
class Asking:
    """`CosignedLog` over a history."""

    history: History
    rule: Policy

    def policy(self) -> Policy:
        return self.rule

    def prove(self, old: int, new: int) -> Sequence[bytes]:
        return prove_consistency(old, new, self.history.reader())

    def line(self, witness: str, size: int) -> tuple[int, str] | None:
        mine = [(kept, line) for (kept, name), line in self.history.lines.items() if name == witness and kept <= size]
        return max(mine, default=None)

    def keep(self, size: int, witness: str, line: str) -> None:
        self.history.lines[size, witness] = line


class Post:
    """One witness and the road to it. It has a dice of its own, so that threads do not change a seed's course."""

    def __init__(self, number: int, seed: int, clock: Clock) -> None:
        self.store = MemoryStore()
        self._backups: list[dict[str, tuple[object, ...]]] = [{}]
        self._dice = random.Random(f"{seed}/{number}")
        self._late: list[bytes] = []
        self.trouble = True
        self._number, self._clock = number, clock
        self.restart()

    def restart(self) -> None:
        """Only what the store holds is left."""
        self._witness = Witness(COSIGNERS[self._number], self._clock, self.store, lambda _: [KEY.verifier])

    def back_up(self) -> None:
        self._backups.append(dict(self.store.kept))

    def set_back(self) -> None:
        """An old copy of its memory is put back."""
        self.store.kept = dict(self._dice.choice(self._backups))  # type: ignore[arg-type]
        self.restart()

    def send(self, body: bytes) -> Reply:
        if self.trouble:
            what = self._dice.random()
            if what < 0.15:
                raise WitnessSilent("the request was lost")
            if what < 0.3:
                self._late.append(body)
                raise WitnessSilent("the request is late")
            if what < 0.4:
                self._witness.add_checkpoint(body)
                raise WitnessSilent("the answer was lost")
            if what < 0.5:
                self.restart()
            while self._late and self._dice.random() < 0.5:
                self._witness.add_checkpoint(self._late.pop(self._dice.randrange(len(self._late))))
        answer = self._witness.add_checkpoint(body)
        return Reply(answer.status, answer.body)


class World:
    """Everything of one seed; `cosigned` collects, for each size, the roots that reached the quorum."""

    def __init__(self, seed: int, policy: Policy) -> None:
        self.clock = Clock()
        self.policy = policy
        self.posts = {witness.url: Post(number, seed, self.clock) for number, witness in enumerate(policy.witnesses)}
        self.cosigned: dict[int, set[bytes]] = {}

    def ask(self, history: History, size: int, *, only: set[str] | None = None) -> None:
        """One round of asking, as the operator's program does it after signing."""

        def send(url: str, body: bytes) -> Reply:
            address = url.removesuffix("/add-checkpoint")
            if only is not None and address not in only:
                raise WitnessSilent("this one is shown something else")
            return self.posts[address].send(body)

        checkpoint = history.checkpoint(size)
        note = sign_checkpoint(checkpoint, KEY)
        Witnesses(Asking(history, self.policy), self.clock, send).ask(checkpoint, note)
        self.look(history, size)

    def look(self, history: History, size: int) -> bool:
        """Whether a reader with the policy takes the checkpoint of that size as witnessed; remembers it if so."""
        checkpoint = history.checkpoint(size)
        lines = [parse_signature_line(line) for (kept, _), line in history.lines.items() if kept == size]
        note = add_signatures(sign_checkpoint(checkpoint, KEY), *lines)
        if not self.policy.judge(note, KEY.verifier).quorum:
            return False
        self.cosigned.setdefault(size, set()).add(checkpoint.root)
        return True

    def check(self, seed: int) -> None:
        twice = {size: roots for size, roots in self.cosigned.items() if len(roots) > 1}
        assert not twice, f"seed {seed}: two roots with a quorum at sizes {sorted(twice)}"


def honest(seed: int) -> None:
    """Crashes, a lost database, witnesses set back; then the trouble ends."""
    dice = random.Random(seed)
    world = World(seed, policy_of(3, 2))
    history, signed, backup = History(), 0, 0
    stored = 0  # how many of the records the database has; after it was set back fewer than were signed
    for _ in range(dice.randint(10, 40)):
        world.clock.now += timedelta(seconds=dice.randint(0, 4000))
        match dice.random():
            case roll if roll < 0.45:
                if stored == len(history.leaves):
                    history.grow("record", dice.randint(1, 9))
                    stored = len(history.leaves)
            case roll if roll < 0.55:
                backup = stored
            case roll if roll < 0.62:
                stored = backup
            case roll if roll < 0.7:
                stored = len(history.leaves)  # the lost records are put back, byte for byte
            case roll if roll < 0.8:
                dice.choice(list(world.posts.values())).back_up()
            case roll if roll < 0.87:
                dice.choice(list(world.posts.values())).set_back()
        if stored >= signed:  # the signer refuses a database that is behind what it signed
            signed = stored
            if signed:
                world.ask(history, signed)
    for post in world.posts.values():
        post.trouble = False
    history.grow("record", 1)
    world.clock.now += timedelta(hours=2)
    world.ask(history, len(history.leaves))
    assert world.look(history, len(history.leaves)), f"seed {seed}: not well again"
    for size in history.leaves and {size for size, _ in history.lines}:
        world.look(history, size)
    world.check(seed)


def forking(seed: int) -> World:
    """The operator shows two histories that part somewhere, each to whom he likes."""
    dice = random.Random(seed)
    world = World(seed, policy_of(3, 2))
    common = dice.randint(0, 12)
    histories = []
    for branch in ("this", "other"):
        history = History()
        history.grow("record", common)
        history.grow(branch, dice.randint(1, 3))
        histories.append(history)
    for _ in range(dice.randint(10, 40)):
        world.clock.now += timedelta(seconds=dice.randint(0, 4000))
        branch = dice.randrange(2)
        if dice.random() < 0.4:
            histories[branch].grow(("this", "other")[branch], dice.randint(1, 5))
        # Often a size that both have: there two roots could meet.
        size = min(len(history.leaves) for history in histories)
        if dice.random() < 0.5:
            size = dice.randint(1, len(histories[branch].leaves))
        shown = {url for url in world.posts if dice.random() < 0.7}
        world.ask(histories[branch], size, only=shown)
    for history in histories:
        for size in {size for size, _ in history.lines}:
            world.look(history, size)
    return world


@pytest.mark.parametrize("block", range(0, SEEDS, BLOCK))
def test_no_two_roots_of_one_size_and_always_well_again(block: int) -> None:
    """What "witnessed" means: whoever holds such a checkpoint holds the only one of its size."""
    quorums = 0
    for seed in range(block, min(block + BLOCK, SEEDS)):
        if seed % 2:
            world = forking(seed)
            world.check(seed)
            quorums += len(world.cosigned)
        else:
            honest(seed)
            quorums += 1
    assert quorums > 0


@pytest.mark.parametrize(("count", "quorum", "fooled"), [(3, 2, True), (4, 3, False)])
def test_one_witness_without_memory(count: int, quorum: int, fooled: bool) -> None:
    """Where 2 of 3 ends, said in docs/witness.md: a forking operator who parts the others, and one witness that
    forgets, make two quorums of one size; against 3 of 4 the same is not enough."""
    world = World(0, policy_of(count, quorum))
    forgetful, *others = list(world.posts)
    for post in world.posts.values():
        post.trouble = False
    for branch, shown in (("this", others[::2]), ("other", others[1::2])):
        history = History()
        history.grow(branch, 5)
        world.posts[forgetful].store.kept = {}
        world.ask(history, 5, only={forgetful, *shown})
    assert any(len(roots) > 1 for roots in world.cosigned.values()) is fooled
