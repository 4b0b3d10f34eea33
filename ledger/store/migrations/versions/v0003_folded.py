"""Lots and where they were, and marks of balances: what questions about an older size are answered from.

Frozen once released. All of it is derived from the records: nothing guards it but the audit, and a book from before is
caught up by its next checkpoint.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = {
    "folded": (
        "book {text} NOT NULL, size {int} NOT NULL, leaf {text} NOT NULL, day {text} NOT NULL, PRIMARY KEY (book)"
    ),
    "marks": (
        "book {text} NOT NULL, account {text} NOT NULL, unit {text} NOT NULL, size {int} NOT NULL, "
        "minor {int} NOT NULL, PRIMARY KEY (book, account, unit, size)"
    ),
    "lots": (
        "book {text} NOT NULL, lot {int} NOT NULL, day {text} NOT NULL, part {int} NOT NULL, number {int} NOT NULL, "
        "source {text} NOT NULL, unit {text} NOT NULL, minor {int} NOT NULL, account {text} NOT NULL, "
        "PRIMARY KEY (book, lot)"
    ),
    "lot_places": (
        "book {text} NOT NULL, lot {int} NOT NULL, holder {text} NOT NULL, since {int} NOT NULL, until {int} NOT NULL, "
        "place {int} NOT NULL, minor {int} NOT NULL, day {text} NOT NULL, spans {text} NOT NULL, "
        "PRIMARY KEY (book, lot, holder, since)"
    ),
    "lot_values": (
        'book {text} NOT NULL, what {text} NOT NULL, "key" {text} NOT NULL, since {int} NOT NULL, '
        'until {int} NOT NULL, value {bytes} NOT NULL, PRIMARY KEY (book, what, "key", since)'
    ),
}


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    # Collation C: text order is byte order, on every server.
    types = (
        {"text": "TEXT", "int": "INTEGER", "bytes": "BLOB"}
        if sqlite
        else {"text": 'TEXT COLLATE "C"', "int": "BIGINT", "bytes": "BYTEA"}
    )
    for table, columns in TABLES.items():
        op.execute(f"CREATE TABLE {table} ({columns.format(**types)}){' STRICT, WITHOUT ROWID' if sqlite else ''}")
    op.execute("CREATE INDEX lot_places_by_holder ON lot_places (book, holder, until, day, lot)")
