"""The tables, each with one declared class.

- `log`: the records and checkpoints themselves; nothing can rebuild them.
- `derived`: rebuilt by replaying the records; kept so that reading is fast.
- `sealed`: private values, authenticated by keys that lie outside the database.
- `operational`: what runs the program; not covered by any proof, and the audit says so.

A table without a class fails the build (tests/store/test_tables.py).
"""

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

metadata = MetaData()
FOREVER = 2**53 - 1
"""`until` of what still holds."""
MARK = 256
"""Balances are marked every so many records."""
_Int = BigInteger().with_variant(Integer(), "sqlite")


class TableClass(StrEnum):
    """What the audit does with a table."""

    LOG = "log"
    DERIVED = "derived"
    SEALED = "sealed"
    OPERATIONAL = "operational"


def _table(name: str, table_class: TableClass, *columns: Column[object] | PrimaryKeyConstraint | Index) -> Table:
    return Table(name, metadata, *columns, sqlite_strict=True, sqlite_with_rowid=False, info={"class": table_class})


def _text(name: str) -> Column[object]:
    return Column(name, Text, nullable=False)


def _int(name: str) -> Column[object]:
    return Column(name, _Int, nullable=False)


def _bytes(name: str) -> Column[object]:
    return Column(name, LargeBinary, nullable=False)


# One row a record. `body` is the leaf's bytes, `leaf` their hash; `request` is a keyed hash of what the
# caller asked, so that a repeated reference can be told from a reused one; `mac` binds the row to the
# application key.
records = Table(
    "records",
    metadata,
    _text("book"),
    _int("index"),
    _bytes("leaf"),
    _text("reference"),
    _bytes("request"),
    _bytes("mac"),
    _bytes("body"),
    PrimaryKeyConstraint("book", "index"),
    Index("records_by_reference", "book", "reference", unique=True),
    sqlite_strict=True,
    info={"class": TableClass.LOG},
)

checkpoints = _table(
    "checkpoints",
    TableClass.LOG,
    _text("book"),
    _int("size"),
    _text("note"),
    PrimaryKeyConstraint("book", "size"),
)

# What a witness signed on a checkpoint: one signature line of its note (C2SP tlog-cosignature), by key name.
cosignatures = _table(
    "cosignatures",
    TableClass.LOG,
    _text("book"),
    _int("size"),
    _text("witness"),
    _text("line"),
    PrimaryKeyConstraint("book", "size", "witness"),
)

# What a time-stamping authority signed on a checkpoint: an RFC 3161 response, DER.
timestamps = _table(
    "timestamps",
    TableClass.LOG,
    _text("book"),
    _int("size"),
    _text("authority"),
    _bytes("token"),
    PrimaryKeyConstraint("book", "size", "authority"),
)

# The head of each book: what the next record builds on. Its row is locked before anything is read.
heads = _table(
    "heads",
    TableClass.DERIVED,
    _text("book"),
    _int("size"),
    _bytes("root"),
    _bytes("frontier"),
    _text("leaf"),
    _text("at"),
    _text("zone"),
    PrimaryKeyConstraint("book"),
)

# Roots of full subtrees of 256^level leaves; level 0 is `records.leaf`.
subtrees = _table(
    "subtrees",
    TableClass.DERIVED,
    _text("book"),
    _int("level"),
    _int("position"),
    _bytes("hash"),
    PrimaryKeyConstraint("book", "level", "position"),
)

postings = _table(
    "postings",
    TableClass.DERIVED,
    _text("book"),
    _int("index"),
    _int("number"),
    _text("source"),
    _text("destination"),
    _text("unit"),
    _int("minor"),
    PrimaryKeyConstraint("book", "index", "number"),
)

balances = _table(
    "balances",
    TableClass.DERIVED,
    _text("book"),
    _text("account"),
    _text("unit"),
    _int("minor"),
    _int("index"),
    PrimaryKeyConstraint("book", "account", "unit"),
)

registers = _table(
    "registers",
    TableClass.DERIVED,
    _text("book"),
    _text("register"),
    _text("key"),
    _bytes("value"),
    _int("index"),
    PrimaryKeyConstraint("book", "register", "key"),
)

# How far lots and marks go: over the first `size` records, the last of which has this leaf hash, with the newest money
# day among them. What follows is folded when it is asked for, and kept by the next checkpoint.
folded = _table(
    "folded",
    TableClass.DERIVED,
    _text("book"),
    _int("size"),
    _text("leaf"),
    _text("day"),
    PrimaryKeyConstraint("book"),
)

# What every account held after `size` records, a multiple of MARK; a row only where it moved since the mark before.
marks = _table(
    "marks",
    TableClass.DERIVED,
    _text("book"),
    _text("account"),
    _text("unit"),
    _int("size"),
    _int("minor"),
    PrimaryKeyConstraint("book", "account", "unit", "size"),
)

# What one source brought in at once (ledger/tracing); `part` is -1 where there is none.
lots = _table(
    "lots",
    TableClass.DERIVED,
    _text("book"),
    _int("lot"),
    _text("day"),
    _int("part"),
    _int("number"),
    _text("source"),
    _text("unit"),
    _int("minor"),
    _text("account"),
    PrimaryKeyConstraint("book", "lot"),
)

# So much of a lot was at a holder from the record `since` on, until the record `until`; FOREVER while it is there.
lot_places = _table(
    "lot_places",
    TableClass.DERIVED,
    _text("book"),
    _int("lot"),
    _text("holder"),
    _int("since"),
    _int("until"),
    _int("place"),
    _int("minor"),
    _text("day"),
    _text("spans"),
    PrimaryKeyConstraint("book", "lot", "holder", "since"),
    Index("lot_places_by_holder", "book", "holder", "until", "day", "lot"),
)

# What else the fold of lots remembers, JSON, from the record `since` on until the record `until`.
lot_values = _table(
    "lot_values",
    TableClass.DERIVED,
    _text("book"),
    _text("what"),
    _text("key"),
    _int("since"),
    _int("until"),
    _bytes("value"),
    PrimaryKeyConstraint("book", "what", "key", "since"),
)

# The data key of each person, wrapped by the vault's master key of an epoch.
vault_subjects = _table(
    "vault_subjects",
    TableClass.SEALED,
    _text("book"),
    _text("subject"),
    _int("epoch"),
    _bytes("wrapped"),
    PrimaryKeyConstraint("book", "subject"),
)

# Private values: sealed = nonce ‖ AES-256-GCM(r ‖ value), bound to book, subject, tag and field.
vault_values = _table(
    "vault_values",
    TableClass.SEALED,
    _text("book"),
    _int("index"),
    _text("tag"),
    _text("field"),
    _text("subject"),
    _bytes("sealed"),
    PrimaryKeyConstraint("book", "index", "tag", "field"),
)

CLASSES: dict[str, TableClass] = {
    **{table.name: table.info["class"] for table in metadata.sorted_tables},
    "alembic_version": TableClass.OPERATIONAL,
}
