"""The first schema. Frozen once released: later changes are later migrations.

Triggers refuse to change or delete what is recorded, and to insert below the head. They stop slips and
honest programs; the audit never relies on them.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE records (
    book {text} NOT NULL, "index" {int} NOT NULL, leaf {bytes} NOT NULL, reference {text} NOT NULL,
    request {bytes} NOT NULL, mac {bytes} NOT NULL, body {bytes} NOT NULL,
    PRIMARY KEY (book, "index")
){strict};
CREATE UNIQUE INDEX records_by_reference ON records (book, reference);
CREATE TABLE checkpoints (
    book {text} NOT NULL, size {int} NOT NULL, note {text} NOT NULL, PRIMARY KEY (book, size)
){strict_key};
CREATE TABLE heads (
    book {text} NOT NULL, size {int} NOT NULL, root {bytes} NOT NULL, frontier {bytes} NOT NULL,
    leaf {text} NOT NULL, at {text} NOT NULL, zone {text} NOT NULL, PRIMARY KEY (book)
){strict_key};
CREATE TABLE subtrees (
    book {text} NOT NULL, level {int} NOT NULL, position {int} NOT NULL, hash {bytes} NOT NULL,
    PRIMARY KEY (book, level, position)
){strict_key};
CREATE TABLE postings (
    book {text} NOT NULL, "index" {int} NOT NULL, number {int} NOT NULL, source {text} NOT NULL,
    destination {text} NOT NULL, unit {text} NOT NULL, minor {int} NOT NULL, PRIMARY KEY (book, "index", number)
){strict_key};
CREATE TABLE balances (
    book {text} NOT NULL, account {text} NOT NULL, unit {text} NOT NULL, minor {int} NOT NULL, "index" {int} NOT NULL,
    PRIMARY KEY (book, account, unit)
){strict_key};
CREATE TABLE registers (
    book {text} NOT NULL, register {text} NOT NULL, "key" {text} NOT NULL, value {bytes} NOT NULL,
    "index" {int} NOT NULL,
    PRIMARY KEY (book, register, "key")
){strict_key};
CREATE TABLE vault_subjects (
    book {text} NOT NULL, subject {text} NOT NULL, epoch {int} NOT NULL, wrapped {bytes} NOT NULL,
    PRIMARY KEY (book, subject)
){strict_key};
CREATE TABLE vault_values (
    book {text} NOT NULL, "index" {int} NOT NULL, tag {text} NOT NULL, field {text} NOT NULL, subject {text} NOT NULL,
    sealed {bytes} NOT NULL, PRIMARY KEY (book, "index", tag, field)
){strict_key}
"""

# table → what of it is refused
APPEND_ONLY = ("records", "checkpoints", "postings", "subtrees")
NEVER_DELETED = ("heads", "balances", "registers")

SQLITE_REFUSE = (
    "CREATE TRIGGER {table}_refuse_{what} BEFORE {WHAT} ON {table} "
    "BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
)
SQLITE_HEAD = (
    "CREATE TRIGGER records_refuse_below_head BEFORE INSERT ON records "
    'WHEN NEW."index" < (SELECT size FROM heads WHERE book = NEW.book) '
    "BEGIN SELECT RAISE(ABORT, 'records is append-only'); END",
    "CREATE TRIGGER heads_refuse_back BEFORE UPDATE ON heads WHEN NEW.size <= OLD.size "
    "BEGIN SELECT RAISE(ABORT, 'heads only grows'); END",
)

POSTGRESQL = (
    "CREATE FUNCTION sovang_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END$$",
    "CREATE FUNCTION sovang_below_head() RETURNS trigger LANGUAGE plpgsql AS "
    '$$BEGIN IF NEW."index" < (SELECT size FROM heads WHERE book = NEW.book) '
    "THEN RAISE EXCEPTION 'records is append-only'; END IF; RETURN NEW; END$$",
    "CREATE FUNCTION sovang_head_grows() RETURNS trigger LANGUAGE plpgsql AS "
    "$$BEGIN IF NEW.size <= OLD.size THEN RAISE EXCEPTION 'heads only grows'; END IF; RETURN NEW; END$$",
    "CREATE TRIGGER records_refuse_below_head BEFORE INSERT ON records "
    "FOR EACH ROW EXECUTE FUNCTION sovang_below_head()",
    "CREATE TRIGGER heads_refuse_back BEFORE UPDATE ON heads FOR EACH ROW EXECUTE FUNCTION sovang_head_grows()",
)


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    types = {
        "text": "TEXT",
        "int": "INTEGER",
        "bytes": "BLOB",
        "strict": " STRICT",
        "strict_key": " STRICT, WITHOUT ROWID",
    }
    if not sqlite:
        # Collation C: text order is byte order, on every server.
        types = {
            "text": 'TEXT COLLATE "C"',
            "int": "BIGINT",
            "bytes": "BYTEA",
            "strict": "",
            "strict_key": "",
        }
    for statement in TABLES.format(**types).split(";"):
        op.execute(statement.strip())
    for statement in SQLITE_HEAD if sqlite else POSTGRESQL:
        op.execute(statement)
    refused = [(table, what) for table in APPEND_ONLY for what in ("update", "delete")]
    refused += [(table, "delete") for table in NEVER_DELETED]
    refused += [("vault_values", "update")]
    for table, what in refused:
        if sqlite:
            op.execute(SQLITE_REFUSE.format(table=table, what=what, WHAT=what.upper()))
        else:
            _refuse_on_postgresql(table, what)
    if not sqlite:
        for table in (*APPEND_ONLY, *NEVER_DELETED):
            op.execute(
                f"CREATE TRIGGER {table}_refuse_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION sovang_refuse()"
            )
            op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_refuse_truncate")
        for table, trigger in (("records", "records_refuse_below_head"), ("heads", "heads_refuse_back")):
            op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")


def _refuse_on_postgresql(table: str, what: str) -> None:
    trigger = f"{table}_refuse_{what}"
    op.execute(
        f"CREATE TRIGGER {trigger} BEFORE {what.upper()} ON {table} FOR EACH ROW EXECUTE FUNCTION sovang_refuse()"
    )
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
