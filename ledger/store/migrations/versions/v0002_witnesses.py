"""Cosignatures and timestamps of checkpoints: what others say of them, beside what the log's own key signed.

Frozen once released. Nothing is deleted. A witness may sign the same checkpoint again at a later time, so its line
is the one row that may be replaced; a timestamp never is.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = {
    "cosignatures": (
        "book {text} NOT NULL, size {int} NOT NULL, witness {text} NOT NULL, line {text} NOT NULL, "
        "PRIMARY KEY (book, size, witness)"
    ),
    "timestamps": (
        "book {text} NOT NULL, size {int} NOT NULL, authority {text} NOT NULL, token {bytes} NOT NULL, "
        "PRIMARY KEY (book, size, authority)"
    ),
}

REFUSED = {"cosignatures": ("delete",), "timestamps": ("update", "delete")}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table, columns in TABLES.items():
            spelled = columns.format(text="TEXT", int="INTEGER", bytes="BLOB")
            op.execute(f"CREATE TABLE {table} ({spelled}) STRICT, WITHOUT ROWID")
            for what in REFUSED[table]:
                op.execute(
                    f"CREATE TRIGGER {table}_refuse_{what} BEFORE {what.upper()} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} stay'); END"
                )
        return
    for table, columns in TABLES.items():
        # Collation C: text order is byte order, on every server.
        spelled = columns.format(text='TEXT COLLATE "C"', int="BIGINT", bytes="BYTEA")
        op.execute(f"CREATE TABLE {table} ({spelled})")
        for what in (*REFUSED[table], "truncate"):
            each = "STATEMENT" if what == "truncate" else "ROW"
            trigger = f"{table}_refuse_{what}"
            op.execute(
                f"CREATE TRIGGER {trigger} BEFORE {what.upper()} ON {table} "
                f"FOR EACH {each} EXECUTE FUNCTION sovang_refuse()"
            )
            op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
