"""A department adds up other organisations' books: only those that hold, each đồng between them once."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from audit.checks_log import RunningTree, TileRows, leaves_of
from audit.consolidate import Consolidation, GrantKind, LeftOut, Visit, consolidate, visit
from audit.findings import FindingKind
from audit.fork import check_fork
from audit.queries import write_tiles
from ledger.book import Recorded
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.note import SigningKey
from ledger.log.policy import parse_policy
from ledger.log.tiles import TILE_WIDTH, Tile, encode_bundle
from tests.api.test_cli import sovang
from tests.audit.tampering import relinked
from tests.audit.witnessing import LINES, checkpoint_and_witness
from tests.audits import check_book
from tests.ledger.saying import bodies, cartons, reverse, say
from tests.worlds import LAI_XUAN, MINH_TAN, World, vnd

VND = "VND"
Place = tuple[str, ...]
"""(column, unit, activity, communes, province, organisation): how the plain count names a figure."""


@dataclass
class Organisation:
    """A book, and the same told in a plain dictionary as it is written."""

    world: World
    folder: Path
    count: Counter[Place] = field(default_factory=Counter)
    numbers: int = 0

    @property
    def origin(self) -> str:
        return self.world.open.signer.verifier.name

    @property
    def vkey(self) -> str:
        return self.world.open.vkey.vkey

    def add(self, minor: int, column: str, unit: str = VND, *where: str) -> None:
        self.count[(column, unit, *where, *[""] * (4 - len(where)))] += minor

    def next(self, name: str) -> str:
        self.numbers += 1
        return f"{name}-{self.numbers}"

    def gift(self, minor: int) -> Recorded:
        self.add(minor, "gifts")
        return self.world.gift(minor)

    def refund(self, gift: Recorded, minor: int) -> None:
        self.add(-minor, "gifts")
        say(self.world, "gift_refunded", gift=gift.index, amount=vnd(minor))

    def allocate(self, minor: int) -> str:
        code = self.next("pb")
        self.gift(minor)
        say(self.world, "allocated", allocation=code, amount=vnd(minor), communes=[MINH_TAN, LAI_XUAN])
        return code

    def hand(self, minor: int) -> tuple[str, str]:
        allocation, order = self.allocate(minor), self.next("lc")
        say(self.world, "payment_ordered", allocation=allocation, order=order, amount=vnd(minor))
        say(self.world, "money_advanced", order=order, amount=vnd(minor))
        return allocation, order

    def deliver(self, minor: int, commune: str | None) -> Recorded:
        allocation, order = self.hand(minor)
        fields: dict[str, Any] = {"scope": {"activity": "SUA", "commune": commune, "heads": 20}}
        self.add(minor, "used", VND, *(("SUA", commune) if commune else ("", "", "31")))
        if commune is None:
            sealed = {"private": {"commune": LAI_XUAN, "activity": "SUA", "heads": "3"}}
            fields = {"scope": None, "hidden": {"province": "31", "detail": sealed}}
        return say(self.world, "delivered", allocation=allocation, handed=order, amount=vnd(minor), **fields)

    def spend(self, minor: int) -> None:
        self.add(minor, "gifts")
        self.add(minor, "costs")
        self.world.gift(minor, fund="chung")
        say(self.world, "management_spent", amount=vnd(minor), place="bank:VCB")

    def external(self, minor: int, who: str) -> None:
        communes = " ".join(sorted((MINH_TAN, LAI_XUAN)))
        self.add(minor, "external", "sua-hop-180ml", "SUA", communes, "", who)
        say(self.world, "external_contributed", amount=cartons(minor), organisation=who)

    def children(self, heads: int, commune: str | None) -> None:
        self.add(heads, "children", "", "SUA", commune or "")
        say(self.world, "children_reported", heads=heads, commune=commune)

    def send(self, minor: int, to: "Organisation | str") -> Recorded:
        allocation = self.allocate(minor)
        self.add(minor, "grants_sent")
        origin = to if isinstance(to, str) else to.origin
        return say(self.world, "grant_sent", allocation=allocation, amount=vnd(minor), to_origin=origin)

    def receive(self, minor: int, sender: "Organisation | str", sent: Recorded, **changed: Any) -> Recorded:
        self.add(minor, "grants_received")
        origin = sender if isinstance(sender, str) else sender.origin
        named = {"from_index": sent.index, "from_leaf": sent.leaf_hash.hex(), "from_origin": origin}
        return say(self.world, "grant_received", amount=vnd(minor), **{**named, **changed})

    def publish(self) -> None:
        self.world.open.checkpointer.run()
        write_tiles(self.world.open, self.folder)


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Organisation]]:
    """Three organisations, each with a book of its own code and origin."""
    made = []
    for name in ("hp", "na", "ag"):
        world = World.create(tmp_path / name, None, seed=name, code=name, origin=f"so.{name}.example.org/log")
        made.append(Organisation(world, tmp_path / f"{name}-tiles"))
    yield made
    for one in made:
        check_book(one.world)
        one.world.home.close()


@dataclass
class Department:
    """What a department holds: the pinned keys, and what its visits left."""

    organisations: list[Organisation]
    kept: dict[str, bytes] = field(default_factory=dict)
    lines: tuple[str, ...] = ("quorum none",)

    def look(self, *addresses: Path) -> Consolidation:
        text = "\n".join([*(f"log {one.vkey}" for one in self.organisations), *self.lines]) + "\n"
        sources = addresses or [one.folder for one in self.organisations]
        seen = list(visit(sources, parse_policy(text), self.kept.get, None))
        self.kept |= {one.origin or "": one.kept for one in seen if one.kept is not None}
        return consolidate(seen)


def figures(counts: Any) -> dict[Place, int]:
    return {tuple(str(part) for part in place): number for place, number in counts.items() if number}


def of(total: Consolidation, one: Organisation) -> Visit:
    return next(seen for seen in total.visits if seen.origin == one.origin)


def agree(total: Consolidation, good: list[Organisation], eliminated: int) -> None:
    """Every book's figures and their sum are those of the plain dictionaries."""
    plain: Counter[Place] = Counter()
    for one in good:
        assert figures(of(total, one).figures.cells) == figures(one.count)
        plain.update(one.count)
    plain["grants_sent", VND, "", "", "", ""] -= eliminated
    plain["grants_received", VND, "", "", "", ""] -= eliminated
    assert figures(total.total) == figures(plain)
    assert {seen.origin for seen in total.good} == {one.origin for one in good}


def a_month(one: Organisation, draw: random.Random, steps: int) -> None:
    """Gifts, uses, mistakes put right, in an order that the seed says."""
    for _ in range(steps):
        minor = draw.randrange(10_000, 900_000)
        match draw.randrange(9):
            case 0 | 1:
                one.refund(one.gift(minor), draw.randrange(1, minor))
            case 2:
                gift = one.gift(minor)
                undone = reverse(one.world, gift.index)
                one.add(-minor, "gifts")
                if draw.random() < 0.5:
                    reverse(one.world, undone.index)
                    one.add(minor, "gifts")
            case 3 | 4:
                one.deliver(minor, draw.choice([MINH_TAN, LAI_XUAN, None]))
            case 5:
                wrong = one.deliver(minor, MINH_TAN)
                one.add(-minor, "used", VND, "SUA", MINH_TAN)
                undone = reverse(one.world, wrong.index)
                if draw.random() < 0.5:
                    reverse(one.world, undone.index)
                    one.add(minor, "used", VND, "SUA", MINH_TAN)
            case 6:
                one.spend(minor)
            case 7:
                one.external(minor, draw.choice(["Công ty Sữa", "Hội Chữ thập đỏ"]))
            case _:
                one.children(draw.randrange(10, 90), draw.choice([MINH_TAN, None]))


@pytest.mark.parametrize("seed", range(3))
def test_random_months_equal_a_plain_count(three: list[Organisation], seed: int) -> None:
    """The first visit, a second that reads only what is new, and one from the beginning say the same, to the đồng."""
    draw = random.Random(f"month {seed}")
    department, eliminated = Department(three), 0
    size = dict.fromkeys((one.origin for one in three), 0)
    for _ in range(2):
        for one in three:
            a_month(one, draw, 8)
        for _ in range(3):
            sender, receiver = draw.sample(three, 2)
            minor = draw.randrange(1_000, 50_000)
            receiver.receive(minor, sender, sender.send(minor, receiver))
            eliminated += minor
        for one in three:
            one.publish()
        total = department.look()
        assert total.ok, total.to_json()
        agree(total, three, eliminated)
        for one in three:
            assert of(total, one).since == size[one.origin]
            report = of(total, one).report
            assert report is not None
            size[one.origin] = report.size
    anew = Department(three)
    assert figures(anew.look().total) == figures(total.total)
    assert anew.kept == department.kept


def test_a_reversal_of_what_an_earlier_visit_counted(three: list[Organisation]) -> None:
    """What is taken back lies before what this visit reads."""
    one, other, _ = three
    gift, use = one.gift(70_000), one.deliver(50_000, MINH_TAN)
    sent = one.send(30_000, other)
    got = other.receive(30_000, one, sent)
    department = Department(three)
    for each in three:
        each.publish()
    agree(department.look(), three, 30_000)
    for index in (gift.index, use.index):
        reverse(one.world, index)
    one.add(-70_000, "gifts")
    one.add(-50_000, "used", VND, "SUA", MINH_TAN)
    back = reverse(other.world, got.index)
    other.add(-30_000, "grants_received")
    one.publish()
    other.publish()
    total = department.look()
    agree(total, three, 0)
    assert [grant.from_index for grant in total.in_transit] == [sent.index]  # it holds there, and nobody has it
    reverse(other.world, back.index)
    other.add(30_000, "grants_received")
    other.publish()
    agree(department.look(), three, 30_000)
    reverse(one.world, sent.index)
    one.add(-30_000, "grants_sent")
    one.publish()
    total = department.look()
    agree(total, three, 0)
    assert [(grant.wrong, grant.to_index) for grant in total.wrong] == [(GrantKind.GRANT_NOT_FOUND, got.index)]


def test_grants_whose_two_sides_do_not_fit(three: list[Organisation]) -> None:
    """Each is named and stays in the sums; money that is not there yet is in transit."""
    one, other, third = three
    fits = one.send(10_000, other)
    other.receive(10_000, one, fits)
    sent = one.send(20_000, other)
    less = other.receive(19_999, one, sent)
    twice = one.send(30_000, other)
    first, second = (other.receive(30_000, one, twice) for _ in range(2))
    elsewhere = one.send(40_000, other)
    stolen = third.receive(40_000, one, elsewhere)
    gift = one.gift(50_000)
    no_grant = other.receive(50_000, one, gift)
    ahead = other.receive(60_000, one, gift, from_index=9_999)
    other_leaf = other.receive(10_000, one, fits, from_leaf="ab" * 32)
    waiting = one.send(70_000, third)
    one.send(80_000, "so.khac.example.org/log")
    third.receive(90_000, "so.khac.example.org/log", fits)
    for each in three:
        each.publish()
    total = Department(three).look()
    agree(total, three, 10_000)
    assert not total.ok
    assert [(grant.from_index, grant.minor) for grant in total.eliminated] == [(fits.index, 10_000)]
    assert {(grant.wrong, grant.to_origin, grant.to_index) for grant in total.wrong} == {
        (GrantKind.GRANT_DIFFERS, other.origin, less.index),
        (GrantKind.GRANT_CLAIMED_TWICE, other.origin, first.index),
        (GrantKind.GRANT_CLAIMED_TWICE, other.origin, second.index),
        (GrantKind.GRANT_DIFFERS, third.origin, stolen.index),
        (GrantKind.GRANT_NOT_FOUND, other.origin, no_grant.index),
        (GrantKind.GRANT_NOT_FOUND, other.origin, ahead.index),
        (GrantKind.GRANT_NOT_FOUND, other.origin, other_leaf.index),
    }
    assert {(grant.to_origin, grant.from_index) for grant in total.in_transit} == {
        (other.origin, elsewhere.index),
        (third.origin, waiting.index),
    }
    said = total.to_json()
    assert {finding["kind"] for finding in said["findings"]} == set(GrantKind)
    assert said["total"]["grants_sent"] == {VND: 240_000}


def written_anew(one: Organisation, records: list[bytes], key: SigningKey | None = None) -> None:
    """What whoever holds the true key can publish: these records, all hashes and the signature right."""
    for file in sorted(one.folder.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()

    def keep(path: str, data: bytes) -> None:
        (one.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (one.folder / path).write_bytes(data)

    rows = TileRows(lambda level, number, row: keep(Tile(level, number, len(row)).path, b"".join(row)))
    tree = RunningTree(rows.take)
    for first in range(0, len(records), TILE_WIDTH):
        page = records[first : first + TILE_WIDTH]
        keep(Tile(None, first // TILE_WIDTH, len(page)).path, encode_bundle(page))
        tree.extend(leaves_of(page))
    rows.finish()
    signer = key or one.world.open.signer.key()
    keep("checkpoint", sign_checkpoint(Checkpoint(signer.name, tree.size, tree.root()), signer))


def renamed(body: bytes) -> bytes:
    return body.replace("Nguồn sữa".encode(), "Nguồn sửa".encode())


def forked(one: Organisation, keep: int | None) -> None:
    """Another history from the beginning on, with valid records, of the same size or another."""
    anew = relinked([renamed(body) for body in bodies(one.world)])
    written_anew(one, anew[:keep])


def bad_amount(one: Organisation) -> None:
    records = bodies(one.world)
    said = json.loads(records[-1])
    said["entry"]["amount"]["minor"] += 1
    records[-1] = json.dumps(said, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    written_anew(one, records)


DAMAGES: dict[str, tuple[Callable[[Organisation], object], LeftOut, FindingKind | None]] = {
    "forked": (lambda one: forked(one, None), LeftOut.FORKED, None),
    "forked, shorter": (lambda one: forked(one, -1), LeftOut.FORKED, None),
    "forked, as long": (lambda one: forked(one, -2), LeftOut.FORKED, None),
    "rolled back": (
        lambda one: written_anew(one, bodies(one.world)[:-3]),
        LeftOut.ROLLED_BACK,
        FindingKind.ROLLED_BACK,
    ),
    "bad record": (bad_amount, LeftOut.BROKEN, FindingKind.POSTINGS_DIFFER),
    "another key": (
        lambda one: written_anew(one, bodies(one.world), SigningKey.from_seed(one.origin, bytes(32))),
        LeftOut.BROKEN,
        FindingKind.CHECKPOINT_INVALID,
    ),
    "no checkpoint": (lambda one: (one.folder / "checkpoint").unlink(), LeftOut.SOURCE_UNAVAILABLE, None),
    "no note": (lambda one: _write(one, b"not a note"), LeftOut.NOTE_REJECTED, None),
    "gone": (lambda one: one.folder.rename(one.folder.with_name("away")), LeftOut.SOURCE_UNAVAILABLE, None),
}


def _write(one: Organisation, data: bytes) -> None:
    (one.folder / "checkpoint").write_bytes(data)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_bad_source_is_named_and_never_summed(three: list[Organisation], name: str) -> None:
    """Its figures of the last visit are not summed either, and what that visit left stays as it was."""
    damage, reason, kind = DAMAGES[name]
    one, other, third = three
    sent = one.send(25_000, other)
    other.receive(25_000, one, sent)
    department = Department(three)
    for each in three:
        each.gift(1_000)
        each.publish()
    agree(department.look(), three, 25_000)
    before = dict(department.kept)
    one.gift(5_000)
    other.gift(6_000)
    if name != "rolled back":
        one.gift(7_000)
    if name == "forked, shorter":
        one.gift(8_000)
    for each in three:
        each.publish()
    if name == "rolled back":  # not to where the last visit stood, but before it
        records = bodies(one.world)[:-3]
        written_anew(one, records)
    else:
        damage(one)
    total = department.look()
    assert not total.ok
    agree(total, [other, third], 0)
    assert [(grant.to_origin, grant.minor) for grant in total.not_compared] == (
        [] if reason in (LeftOut.SOURCE_UNAVAILABLE, LeftOut.NOTE_REJECTED) else [(other.origin, 25_000)]
    )
    bad = next(seen for seen in total.visits if seen.left_out is not None)
    assert bad.left_out is reason, (bad.detail, bad.report)
    if kind is not None:
        assert bad.report is not None
        assert kind in bad.report.kinds(), bad.report.findings
    assert department.kept[one.origin] == before[one.origin]
    if reason is LeftOut.FORKED:
        assert bad.fork is not None
        check_fork(bad.fork, one.world.open.vkey)
    else:
        assert bad.fork is None


def test_who_is_believed_is_the_policy_s_choice(three: list[Organisation]) -> None:
    """A book that no log line names, and two sources that say they are one book, are left out by name."""
    one, other, third = three
    for each in three:
        each.gift(1_000)
        each.publish()
    department = Department([one, other])
    total = department.look(one.folder, one.folder, other.folder, third.folder)
    assert [seen.left_out for seen in total.visits] == [
        LeftOut.ORIGIN_TWICE,
        LeftOut.ORIGIN_TWICE,
        None,
        LeftOut.NOT_PINNED,
    ]
    agree(total, [other], 0)
    assert department.kept.keys() == {other.origin}


def test_the_policy_s_witnesses_are_asked_for(three: list[Organisation]) -> None:
    """A book without the quorum is left out; one with it is in."""
    one, other, _ = three
    checkpoint_and_witness(one.world)
    write_tiles(one.world.open, one.folder)
    other.publish()
    total = Department([one, other], lines=LINES).look()
    assert [seen.left_out for seen in total.visits] == [None, LeftOut.BROKEN]
    report = total.visits[1].report
    assert report is not None
    assert FindingKind.NOT_WITNESSED in report.kinds()


@pytest.mark.parametrize("place", [0.02, 0.3, 0.9])
def test_what_a_visit_left_is_damaged(three: list[Organisation], place: float) -> None:
    """One bit anywhere: the book is left out until a person decides."""
    one = three[0]
    one.publish()
    department = Department([one])
    assert department.look().ok
    kept = bytearray(department.kept[one.origin])
    kept[int(place * len(kept))] ^= 1
    department.kept[one.origin] = bytes(kept)
    total = department.look()
    assert [seen.left_out for seen in total.visits] == [LeftOut.STATE_REJECTED]
    assert department.kept[one.origin] == bytes(kept)


def test_another_version_reads_anew_but_forgets_no_checkpoint(
    three: list[Organisation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an update the figures are made again, and a book rewritten meanwhile is caught all the same."""
    one = three[0]
    one.gift(1_000)
    one.publish()
    department = Department([one])
    assert department.look().ok
    monkeypatch.setattr("audit.saved.PROGRAM", "another")
    monkeypatch.setattr("audit.verify.PROGRAM", "another")
    total = department.look()
    assert total.visits[0].since == 0
    agree(total, [one], 0)
    assert department.look().visits[0].since > 0
    monkeypatch.undo()
    one.gift(2_000)
    one.world.open.checkpointer.run()
    forked(one, None)
    assert [seen.left_out for seen in department.look().visits] == [LeftOut.FORKED]


def test_the_command(three: list[Organisation], tmp_path: Path) -> None:
    """Exit 0 for whole books, 1 with one left out; the fork's proof is kept, the rest said in both forms."""
    one, other, third = three
    one.receive(5_000, other, other.send(5_000, one))
    third.deliver(40_000, None)
    third.children(30, MINH_TAN)
    other.external(480, "Công ty Sữa")
    for each in three:
        each.publish()
    policy, state = tmp_path / "so.policy", tmp_path / "state"
    policy.write_text("".join(f"log {each.vkey}\n" for each in three) + "quorum none\n")
    sources = [str(each.folder) for each in three]
    asked = ("consolidate", *sources, "--policy", policy, "--state", state)
    first = sovang(*asked, "--json", home=tmp_path / "none")
    assert first.code == 0, first.err
    assert [said["new_records"] for said in first.said["organisations"]] == [len(bodies(e.world)) for e in three]
    assert first.said["total"]["gifts"] == {VND: 45_000}
    assert first.said["total"]["grants_received"] == {VND: 0}
    children = first.said["total"]["children"]
    assert [(row["heads"], row["may_count_a_child_twice"]) for row in children] == [(30, True)]
    again = sovang(*asked, "--json", home=tmp_path / "none")
    assert [said["new_records"] for said in again.said["organisations"]] == [0, 0, 0]
    assert again.said["total"] == first.said["total"]
    told = sovang(*asked, home=tmp_path / "none")
    assert told.code == 0
    assert "activity not shown" in told.out
    assert "may count a child twice" in told.out
    one.gift(9_000)
    one.world.open.checkpointer.run()
    forked(one, None)
    caught = sovang(*asked, "--json", home=tmp_path / "none")
    assert caught.code == 1
    assert [(said["origin"], said["reason"]) for said in caught.said["left_out"]] == [(one.origin, "FORKED")]
    (proof,) = state.glob("*.sovang-fork")
    check_fork(proof.read_bytes(), one.world.open.vkey)
    assert caught.said["total"]["gifts"] == {VND: 45_000}
