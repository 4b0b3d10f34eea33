"""A proof as the text of a QR code: RFC 9285's own examples, strict reading, and a size that fits on paper."""

import io
import random
import zlib

import pytest
import zxingcpp
from PIL import Image

from api.cli.bundle import qr_image
from ledger.log.checkpoint import Checkpoint, sign_checkpoint
from ledger.log.cosignature import CosigningKey
from ledger.log.merkle import ProofFailed, leaf_hash, node_hash
from ledger.log.note import SigningKey
from ledger.log.proof import make_proof, verify_proof
from ledger.log.qr import MAX_TEXT, MAX_UNPACKED, PREFIX, decode_base45, encode_base45, read_qr, write_qr
from tests.test_layers import ROOT

KNOWN = {b"AB": "BB8", b"Hello!!": "%69 VD92EX0", b"base-45": "UJCLQE7W581", b"ietf!": "QED8WEX0", b"": ""}
TEN_MILLION = 10_000_000
KEY = SigningKey.from_seed("so-vang.quy.example/hp", bytes(range(32)))


@pytest.mark.parametrize("data", KNOWN)
def test_base45_gives_the_answers_of_its_rfc(data: bytes) -> None:
    """RFC 9285 sections 4.3 and 4.4: a stranger's reader takes our text."""
    assert encode_base45(data) == KNOWN[data]
    assert decode_base45(KNOWN[data]) == data


def test_every_length_and_value_comes_back() -> None:
    """Odd and even lengths, and all bytes."""
    for data in (bytes(range(256)), *(random.Random(n).randbytes(n) for n in range(40))):
        assert decode_base45(encode_base45(data)) == data


@pytest.mark.parametrize("text", ["A", "BB8A", "::::::", ":::", "GGX", "::", "V5", "bb8", "B B\n", "Ä00", "!00"])
def test_other_spellings_are_refused(text: str) -> None:
    """RFC 9285 section 6: values above 65,535 and 255, lone characters, and those not in the alphabet."""
    with pytest.raises(ProofFailed):
        decode_base45(text)


def packed(data: bytes) -> str:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return PREFIX + encode_base45(packer.compress(data) + packer.flush())


def test_what_unpacks_to_too_much_or_to_nothing_is_refused() -> None:
    """A code of one stamp's size can unpack to megabytes; reading stops long before."""
    bomb = packed(bytes(2_000_000))
    assert len(bomb) < MAX_TEXT
    whole = proof_at_ten_million()
    stream = decode_base45(packed(b"\n".join(whole)).removeprefix(PREFIX))
    false = {
        f"more than {MAX_UNPACKED}": bomb,
        "no line end": packed(b"{}"),
        "not a deflate stream": PREFIX + encode_base45(b"\xff\xff\xff"),
        "does not end with its last byte": PREFIX + encode_base45(stream + b"\0"),
        "no empty line before the checkpoint": packed(b"{}\nproof"),
        "does not start with": "SV2:" + packed(b"{}")[4:],
        "extra data": packed(whole[0] + b"\n" + whole[1].replace(b"\nindex", b"\nextra AA==\nindex")),
        "characters": PREFIX + "0" * MAX_TEXT,
    }
    for message, text in false.items():
        with pytest.raises(ProofFailed, match=message):
            read_qr(text)
    with pytest.raises(ProofFailed):
        read_qr(PREFIX + encode_base45(stream[:-1]))
    with pytest.raises(ProofFailed):
        write_qr(whole[0], whole[1].replace(b"\nindex", b"\nextra AA==\nindex"))
    with pytest.raises(ProofFailed):
        write_qr(random.Random(1).randbytes(4000).replace(b"\n", b" "), whole[1])


def proof_at_ten_million() -> tuple[bytes, bytes]:
    """A record of a log of ten million, and its proof under a checkpoint with three cosignatures.

    The 24 hashes are as random as real ones, and the root is what they lead to.
    """
    record = (ROOT / "tests/golden/records/gift_received.json").read_bytes().rstrip(b"\n")
    index, pick = 3_000_001, random.Random(24)
    path, place, last, node = [], index, TEN_MILLION - 1, leaf_hash(record)
    while last:
        if place % 2 or place != last:
            sibling = pick.randbytes(32)
            path.append(sibling)
            node = node_hash(sibling, node) if place % 2 else node_hash(node, sibling)
        place, last = place // 2, last // 2
    assert len(path) == 24
    checkpoint = Checkpoint(KEY.name, TEN_MILLION, node)
    note = sign_checkpoint(checkpoint, KEY).decode()
    for number, name in enumerate(("bao", "truong", "hoi")):
        key = CosigningKey.from_seed(f"{name}.lam-chung.example", bytes([number]) * 32)
        note += key.cosign(checkpoint.text().encode(), 1_790_000_000 + number).line().rstrip("\n") + "\n"
    proof = make_proof(index, path, note.encode())
    verify_proof(proof, leaf_hash(record), KEY.verifier)
    return record, proof


def test_a_proof_among_ten_million_fits_on_a_paper_and_is_read_back() -> None:
    """The figures of docs/format.md, measured; the picture is read by somebody else's reader."""
    record, proof = proof_at_ten_million()
    text = write_qr(record, proof)
    version, png = qr_image(text, "png")
    said = (ROOT / "docs/format.md").read_text()
    figures = (
        f"record {len(record)} bytes, proof {len(proof):,} bytes; packed {len(decode_base45(text[4:])):,} bytes, "
        f"{len(text):,} characters, version {version}"
    )
    assert figures in " ".join(said.split()), figures
    (seen,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))
    assert seen.text == text
    read = read_qr(seen.text)
    assert (read.record, read.proof) == (record, proof)
    verify_proof(read.proof, leaf_hash(read.record), KEY.verifier)
    assert qr_image(text, "svg")[1].startswith(b"<?xml")
