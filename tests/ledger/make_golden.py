"""Writes the golden files that are missing: `python -m tests.ledger.make_golden`. Never overwrites one.

A golden file is a promise to whoever kept a book with that release. When one no longer fits, the program
is wrong, not the file.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from ledger.book import Recorded
from ledger.log import canonical
from ledger.log.merkle import Frontier, leaf_hash
from ledger.record import decode
from tests.ledger.replayed import balances_of, registers_digest, replayed
from tests.ledger.saying import bodies, first_year
from tests.worlds import World

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
RECORDS = GOLDEN / "records"
BOOK = GOLDEN / "book-0.1"


class Teller(World):
    """Gives every request its reference and its own randomness, so that what one kind draws moves no other."""

    def say(self, kind: str, **fields: Any) -> Recorded:
        self.numbers += 1
        dice = self.home._random
        dice.seed, dice.drawn = f"story/{self.numbers}", 0
        asked = {"entry": {"kind": kind, **fields}, "reference": f"{self.numbers}"}
        return self.open.requests.submit([asked], "ke-toan")[0]


def told(path: Path, database: str | None) -> tuple[list[bytes], bytes]:
    """The story's records and the checkpoint signed over them, told anew."""
    world = Teller.create(path / "home", database)
    try:
        first_year(world)
        return bodies(world), world.open.checkpointer.run()[1]
    finally:
        world.home.close()


def sums(story: list[bytes]) -> dict[str, object]:
    """What the records add up to."""
    state = replayed(story)
    root = Frontier().extend([leaf_hash(body) for body in story]).root()
    return {
        "size": state.size,
        "root": root.hex(),
        "balances": balances_of(state),
        "registers_sha256": registers_digest(state),
    }


def main() -> None:
    """Writes what is missing and names it."""
    with tempfile.TemporaryDirectory() as folder:
        story, checkpoint = told(Path(folder), None)
    first_of_kind: dict[str, bytes] = {}
    for body in story:
        first_of_kind.setdefault(decode(body).entry.kind, body)
    files = {RECORDS / f"{kind}.json": body for kind, body in first_of_kind.items()}
    files[BOOK / "bodies.jsonl"] = b"".join(body + b"\n" for body in story)
    files[BOOK / "checkpoint"] = checkpoint
    files[BOOK / "sums.json"] = json.dumps(sums(story), ensure_ascii=False, indent=1).encode() + b"\n"
    assert all(b"\n" not in body and canonical.decode(body) for body in story)
    for path, data in files.items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            print(path.relative_to(GOLDEN))


if __name__ == "__main__":
    main()
