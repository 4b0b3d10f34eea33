"""The operator's bad days and last days through the commands: docs/operator.md promises each of them."""

import os
import shutil
from datetime import date
from pathlib import Path

import pytest

from ledger.home import Home
from tests.api.test_cli import Ran, sovang
from tests.audits import check_book
from tests.worlds import Clock, World

OFFICERS = ("--officer", "giam-doc", "--officer", "ke-toan-truong")


def with_passphrase(passphrase: str | None, *words: object, home: Path, new: str | None = None) -> Ran:
    """`sovang … --passphrase-fd N`, the passphrases coming through pipes."""
    given: list[object] = []
    ends = []
    for option, said in (("--passphrase-fd", passphrase), ("--new-passphrase-fd", new)):
        if said is not None:
            read_end, write_end = os.pipe()
            os.write(write_end, f"{said}\nwhat follows is left alone".encode())
            os.close(write_end)
            ends.append(read_end)
            given += [option, read_end]
    try:
        return sovang(*words, *given, home=home)
    finally:
        for end in ends:
            os.close(end)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A book with its key in the clear."""
    path = tmp_path / "home"
    assert sovang("init", "--book", "hp", "--name", "Quỹ", home=path).code == 0
    return path


def checked(home: Path, passphrase: str | None = None) -> None:
    opened = Home(home, passphrase=lambda: passphrase)
    check_book(World(opened, opened.open_book(), Clock(), None))
    opened.close()


def test_a_sealed_key_through_the_commands(tmp_path: Path) -> None:
    """Recorded without the passphrase, signed with it; a wrong one is one line, and none is ever shown."""
    path = tmp_path / "sealed"
    init = with_passphrase("một hai ba", "init", "--book", "hp", "--name", "Quỹ", home=path)
    assert init.code == 0, init.err
    assert (path / "keys/hp/log.key").read_bytes().startswith(b"{")
    locked = sovang("account", "open", "TM", "--kind", "cash", "--json", home=path)
    assert (locked.code, locked.said["index"]) == (1, 1)
    assert locked.said["unsigned"].startswith("KEY_LOCKED")
    wrong = with_passphrase("bốn năm", "checkpoint", home=path)
    assert wrong.code == 1
    assert "PASSPHRASE_WRONG" in wrong.err
    assert "bốn năm" not in wrong.out + wrong.err
    assert sovang("verify", home=path).code == 0
    signed = with_passphrase("một hai ba", "checkpoint", "--json", home=path)
    assert (signed.code, signed.said["size"]) == (0, 2)
    for bad in ("", "x" * 1025):
        assert with_passphrase(bad, "checkpoint", home=path).code == 2
    assert sovang("checkpoint", "--passphrase-fd", 999, home=path).code == 2
    assert sovang("init", "--book", "hq", "--name", "Quỹ", "--encrypt-key", home=path).code == 2
    changed = with_passphrase("một hai ba", "key", "passphrase", home=path, new="sáu")
    assert changed.code == 0, changed.err
    assert with_passphrase("một hai ba", "checkpoint", home=path).code == 1
    assert sovang("serve", "--port", 0, home=path).code == 1, "a server whose key stays locked does not start"
    rotated = with_passphrase("sáu", "key", "rotate", "--json", home=path)
    assert rotated.code == 0, rotated.err
    assert rotated.said["new_vkey"] != init.out
    checked(path, "sáu")


def test_a_key_replaced_by_command(home: Path) -> None:
    """Old and new key pinned, the book is whole; a stolen one is told to whoever still pins it."""
    first = sovang("checkpoint", "--json", home=home).said["vkey"]
    rotated = sovang("key", "rotate", "--json", home=home).said
    assert (rotated["old_vkey"], rotated["finished"]) == (first, False)
    for pinned in (first, rotated["new_vkey"]):
        assert sovang("verify", "--database", "--vkey", pinned, home=home).code == 0
    stolen = sovang("key", "rotate", "--compromised", "--json", home=home).said
    told = sovang("verify", "--vkey", first, "--json", home=home)
    assert told.code == 1
    assert [found["kind"] for found in told.said["findings"]] == ["KEY_COMPROMISED"]
    assert sovang("verify", "--vkey", stolen["new_vkey"], home=home).code == 0
    checked(home)


def test_a_backup_put_back_and_made_whole(home: Path, tmp_path: Path) -> None:
    """The whole of «an old copy was put back»: backup, loss, refusal, restore, audit."""
    minutes = tmp_path / "bien-ban.pdf"
    minutes.write_bytes(b"minutes")
    backup = sovang("backup", tmp_path / "backup", "--json", home=home)
    assert backup.code == 0, backup.err
    assert sorted(p.name for p in (tmp_path / "backup").iterdir()) == ["SHA256SUMS", "sovang.db"]
    assert sovang("backup", tmp_path / "backup", home=home).code == 3, "never over an older one"
    for code in ("A", "B", "C"):
        assert sovang("account", "open", code, "--kind", "cash", home=home).code == 0
    assert sovang("tiles", tmp_path / "tiles", home=home).code == 0
    for file in home.glob("sovang.db*"):
        file.unlink()
    shutil.copy(tmp_path / "backup/sovang.db", home / "sovang.db")
    assert "ROLLED_BACK" in sovang("checkpoint", home=home).err
    words = ("restore", "--tiles", tmp_path / "tiles", *OFFICERS, "--minutes", minutes, "--json")
    assert sovang(*words[:5], "--minutes", minutes, home=home).code == 2, "one officer is not two"
    done = sovang(*words, home=home)
    assert done.code == 0, done.err
    assert done.said == {"backup_size": 1, "signed_size": 4, "index": 4, "private_lost": 0}
    checked(home)
    again = sovang(*words, home=home)
    assert (again.code, again.said["reason"]) == (1, "RESTORE_REFUSED")
    # Nothing left of the database at all: the same, from record 0.
    assert sovang("tiles", tmp_path / "tiles", home=home).code == 0
    for file in home.glob("sovang.db*"):
        file.unlink()
    done = sovang(*words, home=home)
    assert (done.code, done.said["backup_size"]) == (0, 0), done.err
    checked(home)


def test_the_end_of_a_book(home: Path, tmp_path: Path) -> None:
    """Closed, written, verified, and only then without a key; what is left still proves itself."""
    minutes = tmp_path / "bien-ban.pdf"
    minutes.write_bytes(b"minutes")
    assert "NOT_CLOSED" in sovang("key", "destroy", home=home).err
    words = ("close", *OFFICERS, "--minutes", minutes, "--why", "Giải thể", "--tiles", tmp_path / "tiles", "--json")
    closed = sovang(*words, home=home)
    assert (closed.code, closed.said["ok"], closed.said["size"]) == (0, True, 2), closed.err
    assert sovang(*words, home=home).said == closed.said, "closing twice is closing once"
    assert "BOOK_CLOSED" in sovang("account", "open", "A", "--kind", "cash", home=home).err
    assert "BOOK_CLOSED" in sovang("key", "rotate", home=home).err
    vkey = closed.said["vkey"]
    checked(home)
    destroyed = sovang("key", "destroy", "--json", home=home)
    assert (destroyed.code, destroyed.said["size"]) == (0, 2), destroyed.err
    assert sorted(path.name for path in (home / "keys/hp").glob("log*")) == ["log.vkey"]
    assert "NO_KEY" in sovang("checkpoint", home=home).err
    assert sovang("verify", "--database", home=home).code == 0
    assert sovang("verify", "--tiles", tmp_path / "tiles", "--vkey", vkey, home=home).code == 0


def test_a_key_is_not_destroyed_before_the_end_is_signed_and_witnessed(home: Path, tmp_path: Path) -> None:
    """Without its quorum the final checkpoint could be exchanged by whoever kept a copy of the key."""
    from ledger.log.cosignature import CosigningKey

    minutes = tmp_path / "bien-ban.pdf"
    minutes.write_bytes(b"minutes")
    witness = CosigningKey.from_seed("witness.example", bytes(32))
    opened = Home(home)
    policy = [f"witness w {witness.vkey}", "quorum w"]
    opened.open_book().requests.submit([{"entry": {"kind": "witnesses_set", "policy": policy}}], "admin")
    book = opened.open_book()
    entry = {
        "kind": "book_closed",
        "closed_on": date.today().isoformat(),
        "minutes_sha256": "5e" * 32,
        "officers": ["a", "b"],
        "why": "Giải thể",
    }
    book.requests.submit([{"entry": entry}], "admin")
    assert "NOT_FINAL" in sovang("key", "destroy", home=home).err
    assert sovang("checkpoint", home=home).code == 0
    assert "NOT_WITNESSED" in sovang("key", "destroy", home=home).err
    assert (home / "keys/hp/log.key").exists()
    checkpoint, note = book.checkpointer.run()
    from ledger.log.note import split_note
    from ledger.store.append import keep_cosignature
    from ledger.store.engine import writing

    line = witness.cosign(split_note(note)[0].encode(), int(book.clock().timestamp())).line()
    with writing(book.engine) as db:
        keep_cosignature(db, "hp", checkpoint.size, "witness.example", line)
    assert sovang("key", "destroy", home=home).code == 0
    opened.close()


def test_a_checkpoint_sent_to_a_file_is_the_note_alone(home: Path, tmp_path: Path) -> None:
    """`sovang checkpoint > FILE` is what an auditor keeps; how the witnesses answered stands beside it."""
    from ledger.log.cosignature import CosigningKey

    witness = CosigningKey.from_seed("witness.example", bytes(32))
    policy, kept = tmp_path / "policy", tmp_path / "moc"
    policy.write_text(f"witness hoi {witness.vkey} http://127.0.0.1:9\nquorum hoi\n")
    assert sovang("witness", "use", policy, home=home).code == 0
    ran = sovang("checkpoint", home=home)
    assert (ran.code, "hoi: CHƯA KÝ" in ran.err, "hoi" in ran.out) == (0, True, False)
    kept.write_text(ran.out)
    checked = sovang("check", kept, "--against", home, home=home)
    assert (checked.code, "nối tiếp đúng mốc này" in checked.out) == (0, True), checked
    assert sovang("verify", "--since", kept, "--json", home=home).said["whole"]
