"""What somebody with the database's password can do, for the audit's tests: rows changed with the triggers out of
the way, histories rewritten with every hash made right again.

Everything happens inside a transaction that is rolled back, so one book serves all cases.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, select, text

from audit.database import SignerMemory, verify_connection
from audit.findings import Finding, Report
from ledger.book import StoredRecord
from ledger.entries.book import BookOpened
from ledger.folding import catch_up
from ledger.log import canonical
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.merkle import Frontier
from ledger.log.note import SigningKey
from ledger.log.policy import Policy
from ledger.record import NO_PREVIOUS, decode, leaf_of
from ledger.refusals import Rejected
from ledger.replay import State, fold_only, step
from ledger.store import read, tables
from ledger.store.append import Head, NewRecord, append
from ledger.store.engine import writing
from ledger.timestamps import authorities
from tests.audit.witnessing import LINES, checkpoint_and_witness
from tests.ledger.saying import first_year
from tests.worlds import START, TODAY, World, vnd

FOLDED = ("folded", "marks", "lots", "lot_places", "lot_values")
DERIVED = ("records", "postings", "subtrees", "balances", "registers", "heads", *FOLDED)


def eventful(world: World, *, gifts: int = 220) -> None:
    """A book in which every table has rows: all kinds of entries, more than 256 records, four checkpoints."""
    world.open.checkpointer.run()
    first_year(world)
    world.clock.moment = START + timedelta(hours=2)  # the story sets the clock back once
    world.say("witnesses_set", policy=list(LINES))
    checkpoint_and_witness(world)
    for first in range(0, gifts, 20):
        asked = [
            {
                "entry": {
                    "kind": "gift_received",
                    "place": "bank:VCB",
                    "amount": vnd(10_000 + number),
                    "fund": "chung",
                    "received_on": TODAY.isoformat(),
                    "donor": {"private": {"name": f"Người góp {number}"}},
                    "parts": [],
                }
            }
            for number in range(first, first + 20)
        ]
        world.open.requests.submit(asked, "ke-toan")
        if first == gifts - 40:
            checkpoint_and_witness(world)
    checkpoint_and_witness(world)
    catch_up(world.open.engine, world.open.code)


class Undone(Exception):
    """Ends a transaction without keeping it."""


@contextmanager
def tampering(world: World) -> Iterator[Connection]:
    """A connection whose changes are forgotten."""
    try:
        with writing(world.open.engine) as db:
            yield db
            raise Undone
    except Undone:
        pass


def audit(
    world: World,
    db: Connection,
    *,
    saved: bytes | None = None,
    signer: bool = False,
    keys: bool = True,
    policy: Policy | None = None,
    max_age_seconds: int | None = None,
    at: datetime | None = None,
) -> Report:
    """The full audit of what a tampering connection sees: by default with the public key and the application's,
    without what the signing key remembers («verify alone»)."""
    return verify_connection(
        db,
        world.open.code,
        world.open.vkey,
        vault=world.open.keys if keys else None,
        authorities=authorities(world.home, world.open.code) if keys else None,
        memory=SignerMemory.of(world.open.signer, db) if signer else None,
        saved=saved,
        policy=policy,
        max_age_seconds=max_age_seconds,
        at=at,
    )


def new_findings(report: Report, before: Report) -> list[Finding]:
    """What is found now and was not before."""
    known = set(before.findings)
    return [finding for finding in report.findings if finding not in known]


@contextmanager
def no_triggers(db: Connection) -> Iterator[None]:
    """Triggers dropped, and put back exactly as they were."""
    if db.dialect.name == "sqlite":
        kept = db.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
        for name, _ in kept:
            db.execute(text(f"DROP TRIGGER {name}"))
        yield
        for _, sql in kept:
            db.exec_driver_sql(sql)
        return
    query = "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal"
    kept = db.execute(text(query)).all()
    for table, trigger in kept:
        db.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}"))
    yield
    for table, trigger in kept:
        db.execute(text(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"))


def random_row(db: Connection, table: Table, draw: random.Random) -> dict[str, Any]:
    """One row of the table."""
    rows = db.execute(select(table).order_by(*table.primary_key.columns)).mappings().all()
    return dict(draw.choice(rows))


def where(table: Table, row: dict[str, Any]) -> Any:
    """The condition that is true for this row alone."""
    condition = None
    for column in table.primary_key.columns:
        same = column == row[column.name]
        condition = same if condition is None else condition & same
    return condition


def bodies_of(world: World, db: Connection) -> list[bytes]:
    """The records as stored."""
    return [bytes(row.body) for row in read.record_rows(db, world.open.code)]


def relinked(bodies: Sequence[bytes], change: Callable[[dict[str, Any]], None] | None = None) -> list[bytes]:
    """The records with index and `previous` made right again, after `change` was made to each."""
    previous, linked = NO_PREVIOUS, []
    for index, body in enumerate(bodies):
        record = json.loads(body)
        if change is not None:
            change(record)
        record["index"], record["previous"] = index, previous
        linked.append(canonical.encode(record))
        previous = leaf_of(linked[-1]).hex()
    return linked


def rebuild(world: World, db: Connection, bodies: Sequence[bytes], *, application_key: bool = False) -> None:
    """Puts these records in place of the book's, with all that follows from them; checkpoints and vault stay.

    Rows whose bytes are new get their MAC only with the application's key.
    """
    code = world.open.code
    macs = {bytes(r.body): (bytes(r.request), bytes(r.mac)) for r in read.record_rows(db, code)}
    replayed: list[StoredRecord] = []
    state = State(fetch_record=lambda index: replayed[index])
    new: list[NewRecord] = []
    balance_index: dict[tuple[str, str], int] = {}
    for index, body in enumerate(bodies):
        record, leaf = decode(body), leaf_of(body)
        state.size, state.leaf, state.at = record.index, record.previous, ""
        try:
            step(state, record, leaf)
        except Rejected:
            fold_only(state, record, leaf)
        replayed.append(StoredRecord(record, leaf))
        request, mac = macs.get(body, (bytes(32), bytes(32)))
        if application_key:
            mac = world.open.keys.row_mac(code, index, leaf, request)
        new.append(NewRecord(index, leaf, record.reference, request, mac, body, record.postings))
        for posting in record.postings:
            balance_index[posting.source, posting.amount.unit] = index
            balance_index[posting.destination, posting.amount.unit] = index
    with no_triggers(db):
        for table in DERIVED:
            db.execute(text(f"DELETE FROM {table} WHERE book = :book"), {"book": code})
        append(
            db,
            Head(code, 0, Frontier(), NO_PREVIOUS, "", ""),
            new,
            at=state.at,
            zone=state.zone,
            balances=[(*key, state.balances[key], balance_index[key]) for key in balance_index],
            registers=[(key, state.registers[key] or b"", index) for key, index in state.touched.items()],
            values=(),
            subjects=(),
        )


def without_private(world: World, db: Connection, first: int, last: int, *, shift: bool = False) -> None:
    """Takes the private rows of the records from first to last out of the vault, with the keys that guard
    nothing then; `shift` moves the rows above down."""
    given = {"book": world.open.code, "first": first, "last": last, "gone": last - first + 1}
    with no_triggers(db):
        db.execute(text('DELETE FROM vault_values WHERE book = :book AND "index" BETWEEN :first AND :last'), given)
        if shift:
            # By way of negative numbers: each row must never meet another on its way.
            move = 'UPDATE vault_values SET "index" = -("index" - :gone) WHERE book = :book AND "index" > :last'
            db.execute(text(move), given)
            back = 'UPDATE vault_values SET "index" = -"index" WHERE book = :book AND "index" < 0'
            db.execute(text(back), given)
        db.execute(
            text(
                "DELETE FROM vault_subjects WHERE book = :book AND subject NOT IN "
                "(SELECT subject FROM vault_values WHERE book = :book)"
            ),
            given,
        )


def sign(world: World, db: Connection, sizes: Sequence[int], key: SigningKey | None = None) -> list[bytes]:
    """Puts checkpoints of these sizes, over the records as they are now, in place of all there are."""
    key = world.open.signer.key() if key is None else key
    leaves = [leaf_of(body) for body in bodies_of(world, db)]
    opened = decode(bodies_of(world, db)[0]).entry
    assert isinstance(opened, BookOpened)
    notes = []
    with no_triggers(db):
        for table in ("checkpoints", "cosignatures", "timestamps"):
            db.execute(text(f"DELETE FROM {table} WHERE book = :book"), {"book": world.open.code})
        for size in sizes:
            root = Frontier().extend(leaves[:size]).root()
            note = sign_checkpoint(Checkpoint(key.name, size, root), key)
            notes.append(note)
            row = {"book": world.open.code, "size": size, "note": note.decode()}
            db.execute(tables.checkpoints.insert(), row)
    return notes
