"""t02: one bit flipped anywhere in the database file.

Each time there is a finding, or the database refuses to open, or a logical dump shows that nothing any reader
can see has changed (free space). `SOVANG_LONG=1` tries 10,000 offsets.
"""

import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pysqlite3.dbapi2 as sqlite  # type: ignore[import-untyped]

from audit.database import verify_folder
from ledger.home import Home
from ledger.store.engine import StoreUnavailable
from tests.ledger.saying import first_year
from tests.worlds import World

SEED = "sovang-bits-1"
OFFSETS = 10_000 if os.environ.get("SOVANG_LONG") == "1" else 300


def _dump(path: Path) -> list[object] | None:
    """Schema and rows; None when SQLite cannot read them."""
    connection = sqlite.connect(str(path))
    connection.text_factory = bytes
    try:
        schema = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
        names = [name.decode() for kind, name, _ in schema if kind == b"table"]
        return [schema, *(sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall()) for name in names)]
    except (sqlite.Error, UnicodeDecodeError, TypeError):
        return None
    finally:
        connection.close()


def test_t02_one_bit_of_the_file(tmp_path: Path) -> None:
    world = World.create(tmp_path / "home", None)
    first_year(world)
    world.open.checkpointer.run()
    world.home.close()
    file = tmp_path / "home" / "sovang.db"
    connection = sqlite.connect(str(file))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = file.read_bytes()
    assert not Path(f"{file}-wal").exists() or Path(f"{file}-wal").stat().st_size == 0
    known = set(verify_folder(Home(tmp_path / "home"), "hp").findings)
    before = _dump(file)
    assert before is not None

    copy = tmp_path / "copy"
    (copy / "keys").parent.mkdir()
    shutil.copytree(tmp_path / "home" / "keys", copy / "keys")
    damaged = copy / "sovang.db"
    print("seed", SEED)
    draw = random.Random(SEED)
    outcomes: Counter[str] = Counter()
    missed = []
    for _ in range(OFFSETS):
        offset, bit = draw.randrange(len(whole)), draw.randrange(8)
        for left in copy.glob("sovang.db*"):
            left.unlink()
        data = bytearray(whole)
        data[offset] ^= 1 << bit
        damaged.write_bytes(data)
        try:
            report = verify_folder(Home(copy), "hp")
        except StoreUnavailable:
            outcomes["refused to open"] += 1
            continue
        if set(report.findings) - known:
            outcomes["found"] += 1
        elif _dump(damaged) == before:
            outcomes["free space"] += 1
        else:
            missed.append((offset, bit))
    print(dict(outcomes))
    assert not missed, missed
    assert outcomes["found"] > OFFSETS // 4
