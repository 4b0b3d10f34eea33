"""Files in a certificate: what is put in comes out, and what others made is read without trust."""

import hashlib
import io
import subprocess
import sys
import zlib

import pikepdf
import pytest

from certificates import attach as module
from certificates.attach import MAX_FILE_BYTES, MAX_FILES, MAX_PDF_BYTES, attach, attached
from ledger.refusals import Reason, Rejected
from tests.shared import shared

PROOF = b"c2sp.org/tlog-proof@v1\nindex 11\n0AAAA\n\nbook.test/x\n12\nroot\n"
FILES = {
    "record.json": '{"kind":"gift_received","place":"Hải Phòng"}'.encode(),
    "proof.tlog-proof": PROOF,
    "bytes.bin": bytes(range(256)),
    "empty.txt": b"",
}


def page() -> bytes:
    document = pikepdf.new()
    document.add_blank_page(page_size=(595, 842))
    out = io.BytesIO()
    document.save(out, deterministic_id=True)
    return out.getvalue()


def refusal(pdf: bytes) -> Reason:
    with pytest.raises(Rejected) as refused:
        attached(pdf)
    return refused.value.reason


def test_files_come_back_as_they_went_in() -> None:
    assert attached(attach(page(), FILES)) == dict(sorted(FILES.items()))


def test_a_page_without_files_has_none() -> None:
    assert attached(page()) == {}


def test_a_stranger_finds_the_text_without_a_pdf_library() -> None:
    """The proof must outlive every PDF library: it stands in the file as plain bytes."""
    pdf = attach(page(), FILES)
    for content in FILES.values():
        assert b"stream\n" + content + b"\nendstream" in pdf


def test_files_are_added_to_those_already_inside() -> None:
    """A witness's cosignature may come after the certificate was made."""
    first = attach(page(), {"record.json": b"{}"})
    assert attached(attach(first, {"b.txt": b"2"})) == {"b.txt": b"2", "record.json": b"{}"}
    with pytest.raises(Rejected) as refused:
        attach(first, {"record.json": b"{1}"})
    assert refused.value.reason is Reason.MALFORMED


def test_file_specification_says_what_it_is() -> None:
    with pikepdf.open(io.BytesIO(attach(page(), FILES))) as document:
        related = {str(spec.UF): spec for spec in document.Root.AF}
        assert related.keys() == FILES.keys()
        for name, spec in related.items():
            assert spec.AFRelationship == pikepdf.Name.Data
            assert int(spec.EF.F.Params.Size) == len(FILES[name])
            assert "/Filter" not in spec.EF.F


def test_same_input_same_bytes_in_another_process() -> None:
    """A certificate made again must be the same file, or its hash in the register is worth nothing."""
    code = (
        "import sys, hashlib; from tests.certificates.test_attach import page, FILES;"
        "from certificates.attach import attach;"
        "print(hashlib.sha256(attach(page(), dict(reversed(FILES.items())))).hexdigest())"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == hashlib.sha256(attach(page(), FILES)).hexdigest()


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a\\b", ".hidden", "tên.json", "a\nb", "x" * 101])
def test_names_that_could_mean_a_path_are_refused(name: str) -> None:
    with pytest.raises(Rejected) as refused:
        attach(page(), {name: b""})
    assert refused.value.reason is Reason.MALFORMED


def test_limits_hold_on_both_sides() -> None:
    """What is written can be read again; what is too large costs nobody his memory."""
    with pytest.raises(Rejected) as refused:
        attach(page(), {"a": bytes(MAX_FILE_BYTES + 1)})
    assert refused.value.reason is Reason.FILE_TOO_LARGE
    with pytest.raises(Rejected) as refused:
        attach(page(), {f"f{n}": b"" for n in range(MAX_FILES + 1)})
    assert refused.value.reason is Reason.TOO_LARGE
    full = attach(page(), {f"f{n}": b"" for n in range(MAX_FILES)})
    assert len(attached(full)) == MAX_FILES
    assert refusal(bytes(MAX_PDF_BYTES + 1)) is Reason.FILE_TOO_LARGE
    largest = {"a": bytes(MAX_FILE_BYTES)}
    assert attached(attach(page(), largest)) == largest


def outcome(pdf: bytes) -> "dict[str, bytes] | Reason":
    """What `attached` finds or the reason it gives; any other error is the test's failure."""
    try:
        return attached(pdf)
    except Rejected as refused:
        return refused.reason


def with_embedded(change: "pikepdf.Dictionary | None" = None, *, raw: bytes = b"x", **stream: object) -> bytes:
    """A PDF made by somebody else: one embedded file, with whatever the test wants in it."""
    document = pikepdf.new()
    document.add_blank_page()
    embedded = document.make_stream(raw, **stream)
    spec = pikepdf.Dictionary(Type=pikepdf.Name.Filespec, EF=pikepdf.Dictionary(F=embedded))
    document.Root.Names = pikepdf.Dictionary(EmbeddedFiles=pikepdf.Dictionary(Names=pikepdf.Array(["a.txt", spec])))
    for key, value in (change or {}).items():
        document.Root.Names.EmbeddedFiles[key] = value
    out = io.BytesIO()
    document.save(out, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    return out.getvalue()


def test_a_compressed_file_is_read_too() -> None:
    """Somebody may have saved the certificate anew with a tool that compresses."""
    assert attached(with_embedded(raw=zlib.compress(b"hello"), Filter=pikepdf.Name.FlateDecode)) == {"a.txt": b"hello"}


def test_a_bomb_is_refused() -> None:
    """200 MB from 200 kB, and the same packed once more."""
    bomb = zlib.compress(bytes(200 * 1024 * 1024), 9)
    flate = pikepdf.Name.FlateDecode
    assert refusal(with_embedded(raw=bomb, Filter=flate)) in {Reason.FILE_UNREADABLE, Reason.FILE_TOO_LARGE}
    twice = with_embedded(raw=zlib.compress(bomb), Filter=pikepdf.Array([flate, flate]))
    assert refusal(twice) in {Reason.FILE_UNREADABLE, Reason.FILE_TOO_LARGE}
    just_over = with_embedded(raw=zlib.compress(bytes(MAX_FILE_BYTES + 1)), Filter=flate)
    assert refusal(just_over) is Reason.FILE_TOO_LARGE


def test_two_files_under_one_name_are_refused() -> None:
    """Two readers would each show another file, and only one of them is the proof."""
    spec = pikepdf.Dictionary(Type=pikepdf.Name.Filespec)
    doubled = pikepdf.Dictionary(Names=pikepdf.Array(["a.txt", spec, "a.txt", spec]))
    assert refusal(with_embedded(doubled)) is Reason.FILE_UNREADABLE


@pytest.mark.parametrize(
    "names",
    [
        pikepdf.Array(["a.txt"]),
        pikepdf.Array(["a.txt", 5]),
        pikepdf.Array([5, pikepdf.Dictionary()]),
        pikepdf.Array(["a.txt", pikepdf.Dictionary(EF=pikepdf.Dictionary())]),
        pikepdf.Array(["a.txt", pikepdf.Dictionary(EF=pikepdf.Dictionary(F=7))]),
        7,
    ],
)
def test_a_crooked_name_tree_is_one_clear_refusal_or_nothing(names: object) -> None:
    assert outcome(with_embedded(pikepdf.Dictionary(Names=names))) in ({}, Reason.FILE_UNREADABLE)


def test_an_encrypted_file_is_refused() -> None:
    document = pikepdf.open(io.BytesIO(page()))
    for password in ("", "secret"):
        out = io.BytesIO()
        document.save(out, encryption=pikepdf.Encryption(user=password, owner="owner"))
        assert refusal(out.getvalue()) is Reason.FILE_UNREADABLE
        with pytest.raises(Rejected):
            attach(out.getvalue(), FILES)


@pytest.mark.parametrize("name", ["empty.pdf", "js.pdf", "polyglot.pdf", "html.jpg", "many.zip", "xss.svg"])
def test_hostile_files_give_one_refusal_or_nothing(name: str) -> None:
    pdf = shared("hostile/files").joinpath(name).read_bytes()
    assert outcome(pdf) in ({}, Reason.FILE_UNREADABLE)


def test_cut_and_bent_certificates_never_show_a_foreign_error() -> None:
    """Whatever was cut off or turned, the answer is the files or a refusal, never a traceback."""
    whole = attach(page(), FILES)
    bent = [whole[:n] for n in range(0, len(whole), 37)]
    bent += [whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :] for n in range(0, len(whole), 11)]
    for pdf in bent:
        found = outcome(pdf)
        assert isinstance(found, dict) or found in (Reason.FILE_UNREADABLE, Reason.FILE_TOO_LARGE)


def test_any_error_inside_becomes_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("from below")

    monkeypatch.setattr(module.pikepdf, "open", broken)
    assert refusal(page()) is Reason.FILE_UNREADABLE
