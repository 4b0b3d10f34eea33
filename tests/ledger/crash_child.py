"""A process that appends to a book until it is killed, and says aloud what it was promised.

Each acknowledged record is one line on the descriptor it was given, written only after `submit` has returned:
`r <index> <leaf hash>`; each checkpoint `c <size> <root>`. A line is shorter than PIPE_BUF, so it is whole or
not there. Run in a forked child; the database is opened after the fork.
"""

import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

from ledger.home import Home
from tests.ledger.saying import request
from tests.worlds import START, vnd


def append_until_killed(path: Path, seed: str, out: int) -> NoReturn:
    """Never returns: it is killed, or ends with status 1 and its error on stderr."""
    try:
        dice = random.Random(seed)
        began = datetime.now(UTC)
        home = Home(path, clock=lambda: START + timedelta(days=1) + (datetime.now(UTC) - began))
        opened = home.open_book("hp")
        os.write(out, b"open\n")
        number = 0
        while True:
            group = []
            for _ in range(dice.choice([1, 1, 2, 5, 30])):
                number += 1
                entry = request("gift_received", amount=vnd(dice.randrange(1, 1000)))
                group.append({"entry": entry, "reference": f"{seed}-{number}"})
            for recorded in opened.requests.submit(group, "may"):
                os.write(out, f"r {recorded.index} {recorded.leaf_hash.hex()}\n".encode())
            if dice.random() < 0.3:
                checkpoint, _ = opened.checkpointer.run()
                os.write(out, f"c {checkpoint.size} {checkpoint.root.hex()}\n".encode())
    except BaseException as error:
        os.write(2, f"crash child: {error!r}\n".encode())
    finally:
        os._exit(1)
