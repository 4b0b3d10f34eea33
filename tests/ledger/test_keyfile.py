"""The signing key at rest: sealed, it opens with its passphrase alone, and nothing about it can be exchanged."""

import base64
import stat
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger import keyfile
from ledger.home import Home
from ledger.keyfile import KeyMalformed, PassphraseWrong
from ledger.log.note import SigningKey
from ledger.signing import SignerRefused
from tests.audits import check_book
from tests.worlds import Clock, Randomness, World

KEY = SigningKey.from_seed("example.org/so", bytes(range(32)))
OTHER = SigningKey.from_seed("example.org/so", bytes(range(1, 33)))
PASSPHRASE = "ba chú gấu trên xe"
SEALED = keyfile.seal(KEY, PASSPHRASE, Randomness("seal"))


def changed(**fields: object) -> bytes:
    """The sealed file with fields exchanged; `kdf` fields inside `kdf`."""
    document = msgspec.json.decode(SEALED)
    kdf = {name: fields.pop(name) for name in list(fields) if name in document["kdf"]}
    return msgspec.json.encode({**document, **fields, "kdf": {**document["kdf"], **kdf}})


def refused(home: Home) -> str:
    with pytest.raises(SignerRefused) as caught:
        home.open_book("hp").checkpointer.run()
    return caught.value.reason


def test_a_sealed_key_opens_and_its_public_half_needs_no_passphrase() -> None:
    """Seed and public half come back; the seed stands nowhere in the file."""
    assert keyfile.unseal(SEALED, PASSPHRASE) == KEY
    assert keyfile.public_half(SEALED) == KEY.verifier
    for form in (KEY.seed, base64.b64encode(KEY.seed).rstrip(b"="), KEY.seed.hex().encode()):
        assert form not in SEALED
    assert keyfile.unseal(keyfile.plain(KEY), "") == KEY
    assert keyfile.public_half(keyfile.plain(KEY)) == KEY.verifier


def test_a_passphrase_is_the_same_in_either_unicode_form() -> None:
    """Keyboards write «gấu» in two ways."""
    import unicodedata

    assert keyfile.unseal(SEALED, unicodedata.normalize("NFD", PASSPHRASE)) == KEY


def test_another_seed_under_this_public_half_is_refused() -> None:
    """Whoever knows the passphrase cannot slip in a key that the book's own public half does not name."""
    kdf, nonce = keyfile._Kdf(salt=bytes(16)), bytes(12)
    sealed = AESGCM(keyfile._derive(kdf, PASSPHRASE)).encrypt(nonce, OTHER.seed, keyfile._bound(KEY.vkey))
    data = msgspec.json.encode(keyfile._Sealed(vkey=KEY.vkey, kdf=kdf, nonce=nonce, sealed=sealed))
    with pytest.raises(KeyMalformed):
        keyfile.unseal(data, PASSPHRASE)


def test_sealing_twice_shares_nothing() -> None:
    """Salt and nonce are fresh: two files of one key do not tell that it is one passphrase."""
    random = Randomness("again")
    first, second = (msgspec.json.decode(keyfile.seal(KEY, PASSPHRASE, random)) for _ in range(2))
    assert first["kdf"]["salt"] != second["kdf"]["salt"]
    assert first["nonce"] != second["nonce"]


@pytest.mark.parametrize("passphrase", ["", "ba chú gấu trên xE", PASSPHRASE + " ", "x" * 2000])
def test_another_passphrase_does_not_open(passphrase: str) -> None:
    with pytest.raises(PassphraseWrong):
        keyfile.unseal(SEALED, passphrase)
    if not passphrase:
        with pytest.raises(ValueError, match="empty"):
            keyfile.seal(KEY, passphrase, Randomness())


def test_the_public_half_cannot_be_exchanged() -> None:
    """Else a thief could have us publish his key as ours."""
    with pytest.raises(PassphraseWrong):
        keyfile.unseal(changed(vkey=OTHER.vkey), PASSPHRASE)


def test_every_bit_counts() -> None:
    """A flipped bit anywhere is an error of ours; none opens to another key. Every seventh bit, derived cheaply."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyfile, "_derive", lambda kdf, passphrase: (passphrase.encode() + kdf.salt + bytes(32))[:32])
        sealed = keyfile.seal(KEY, "p", Randomness("bits"))
        for bit in range(0, len(sealed) * 8, 7):
            damaged = bytearray(sealed)
            damaged[bit // 8] ^= 1 << bit % 8
            try:
                opened = keyfile.unseal(bytes(damaged), "p")
            except (KeyMalformed, PassphraseWrong):
                continue
            # Parameters of the derivation are not looked at by the cheap one; nothing else may pass.
            assert opened == KEY
            kdf = msgspec.json.decode(bytes(damaged))["kdf"]
            assert kdf != msgspec.json.decode(sealed)["kdf"]


@pytest.mark.parametrize(
    "field",
    [
        {"memory_kib": 2**18 + 1},
        {"memory_kib": 2**40},
        {"memory_kib": 0},
        {"iterations": 6},
        {"iterations": 0},
        {"lanes": 17},
        {"lanes": 0},
        {"name": "argon2i"},
        {"salt": ""},
        {"salt": base64.b64encode(bytes(65)).decode()},
        {"nonce": base64.b64encode(bytes(11)).decode()},
        {"sealed": base64.b64encode(bytes(47)).decode()},
        {"format": "sovang-key/2"},
        {"vkey": "nobody"},
        {"more": 1},
    ],
    ids=str,
)
def test_a_file_may_not_ask_for_more_than_there_is(field: dict[str, object]) -> None:
    """The parameters are read before anything is known to be ours: no memory bomb, no other form."""
    with pytest.raises(KeyMalformed):
        keyfile.unseal(changed(**field), PASSPHRASE)


# --- the signer over it -------------------------------------------------------------------------------------


@pytest.fixture
def sealed_world(tmp_path: Path) -> World:
    """A book whose key is sealed from the first moment."""
    clock = Clock()
    home = Home(tmp_path / "home", clock=clock, random_bytes=Randomness(), passphrase=lambda: PASSPHRASE)
    opened = home.create_book("hp", "Quỹ", by="admin", passphrase=PASSPHRASE)
    return World(home, opened, clock, None)


def test_a_sealed_key_signs_and_is_opened_once(sealed_world: World) -> None:
    """A server signs every minute; deriving the key anew each time would stop it."""
    path = sealed_world.home.path / "keys/hp/log.key"
    assert keyfile.is_sealed(path.read_bytes())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    sealed_world.open.checkpointer.run()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyfile, "_derive", None)
        sealed_world.say("place_opened", place="cash:TM", name="Quỹ", currency="VND")
        sealed_world.home.open_book("hp").checkpointer.run()
    check_book(sealed_world)


def test_a_locked_key_records_and_does_not_sign(sealed_world: World) -> None:
    """Nothing is remembered that was not signed: the audit would take it for a checkpoint that somebody removed."""
    sealed_world.open.checkpointer.run()
    state = (sealed_world.home.path / "keys/hp/signer.json").read_bytes()
    for passphrase, reason in ((None, "KEY_LOCKED"), ("falsch", "PASSPHRASE_WRONG")):
        home = Home(sealed_world.home.path, clock=sealed_world.clock, passphrase=iter([passphrase] * 9).__next__)
        world = World(home, home.open_book("hp"), sealed_world.clock, None)
        world.say("place_opened", place=f"cash:TM{reason[0]}", name="Quỹ", currency="VND")
        assert refused(home) == reason
        assert world.open.vkey == sealed_world.open.vkey
        home.close()
    assert (sealed_world.home.path / "keys/hp/signer.json").read_bytes() == state
    check_book(sealed_world, checkpoint=False)
    check_book(sealed_world)


def test_a_passphrase_is_set_and_changed(sqlite_world: World) -> None:
    """The same key throughout, no copy of the older file left, and the older passphrase opens nothing."""
    folder = sqlite_world.home.path / "keys/hp"
    key, signer = sqlite_world.open.signer.key(), sqlite_world.open.signer
    for passphrase in ("first", "second"):
        inode = (folder / "log.key").open("rb")
        signer.change_passphrase(passphrase, Randomness(passphrase))
        assert not inode.read().strip(b"\0"), "the file before was not overwritten"
        inode.close()
        assert keyfile.unseal((folder / "log.key").read_bytes(), passphrase) == key
        assert sorted(path.name for path in folder.iterdir()) == ["log.key", "signer.json", "signer.lock"]
    with pytest.raises(PassphraseWrong):
        keyfile.unseal((folder / "log.key").read_bytes(), "first")


@pytest.mark.parametrize("cut", ["write_durably", "_destroy"])
def test_a_passphrase_set_half_way_leaves_a_key_that_signs(sqlite_world: World, cut: str) -> None:
    """Cut off before or after the new file is there; the next turn destroys what is left in the clear."""
    folder = sqlite_world.home.path / "keys/hp"

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"ledger.signing.{cut}", crash)
        with pytest.raises(KeyboardInterrupt):
            sqlite_world.open.signer.change_passphrase("first", Randomness())
    assert (folder / "log.key.old").exists()
    home = Home(sqlite_world.home.path, clock=sqlite_world.clock, passphrase=lambda: "first")
    home.open_book("hp").checkpointer.run()
    assert not (folder / "log.key.old").exists()
    home.close()
