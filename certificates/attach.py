"""Files inside a certificate: the proof travels with the paper.

Touches pikepdf and bytes only. What `attach` puts in:

    /Names /EmbeddedFiles   name → /Filespec, /AFRelationship /Data       (ISO 32000-2, 7.11 and 14.13)
    /AF                     the same file specifications, for readers that look there (PDF/A-3)

Each file is stored as it is, without a filter, so its text stands readable in the PDF between
`stream` and `endstream`: who has no PDF library, only a text tool, can still take it out and check it.

    8 0 obj << /Type /EmbeddedFile /Subtype /text#2fplain /Params … /Length 214 >> stream
    c2sp.org/tlog-proof@v1
    …

The same input gives the same bytes: no clock, no random ID; the second half of the document ID is a
digest of the content. `attached` reads a file that anybody may have made: it is limited in size and
memory, it never repairs, and it refuses by name.
"""

import hashlib
import io
import re
from collections.abc import Mapping

import pikepdf
from pikepdf import Array, Dictionary, Name, NameTree, ObjectStreamMode, Pdf, StreamDecodeLevel, String

from ledger.refusals import Reason, Rejected

MAX_PDF_BYTES = 20 * 1024 * 1024
MAX_FILE_BYTES = 5 * 1024 * 1024
MAX_FILES = 32

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# A file specification in any spelling. One that is not listed, a reader without a PDF library may take for ours.
_FILES = re.compile(rb"/(?:E|#45)(?:F|#46)[\0\t\n\f\r ]*(?:<<|%|[-+]?[0-9]+[\0\t\n\f\r %])")
_MEDIA_TYPES = {"json": "application/json", "jsonl": "application/jsonl", "txt": "text/plain"}
_UNKNOWN_MEDIA_TYPE = "application/octet-stream"

# A stream of some kilobytes can unpack to gigabytes. The limit holds for the whole process, and is
# set once here because qpdf asks for it before threads start; nobody else in the product uses qpdf.
pikepdf.settings.set_qpdf_limits(flate_max_memory=4 * MAX_FILE_BYTES, max_stream_filters=2)


def attach(pdf: bytes, files: Mapping[str, bytes]) -> bytes:
    """The PDF with `files` embedded as they are; raises `Rejected` where `attached` would.

    A name is plain ASCII (`record.json`), so it means the same file on every system.
    """
    _within(len(pdf), MAX_PDF_BYTES, "pdf")
    for name, content in files.items():
        if not _NAME.fullmatch(name):
            raise Rejected(Reason.MALFORMED, "a plain ASCII file name is wanted", field="name")
        _within(len(content), MAX_FILE_BYTES, name)
    try:
        with _opened(pdf) as document:
            _put(document, files)
            out = io.BytesIO()
            document.save(
                out,
                deterministic_id=True,
                compress_streams=False,
                stream_decode_level=StreamDecodeLevel.none,
                object_stream_mode=ObjectStreamMode.disable,
                fix_metadata_version=False,
                min_version="1.7",
            )
    except Rejected:
        raise
    except Exception as error:
        raise Rejected(Reason.FILE_UNREADABLE, "not a PDF that files can be put in") from error
    _within(len(out.getvalue()), MAX_PDF_BYTES, "pdf")
    return out.getvalue()


def attached(pdf: bytes) -> dict[str, bytes]:
    """The embedded files by name, in name order; empty if there are none.

    Raises `Rejected`: FILE_TOO_LARGE over a limit, FILE_UNREADABLE for anything that is not one clear
    PDF with one clear meaning (damaged, encrypted, two files under one name).
    """
    _within(len(pdf), MAX_PDF_BYTES, "pdf")
    try:
        with _opened(pdf) as document:
            found = _entries(document)
            if len(_FILES.findall(pdf)) > len(found):
                raise Rejected(Reason.FILE_UNREADABLE, "a file inside that the catalogue does not list")
            return {name: _content(filespec) for name, filespec in sorted(found.items())}
    except Rejected:
        raise
    # The bytes are hostile until proven otherwise, and pikepdf lets through TypeError, KeyError,
    # RuntimeError and more of its C++ side, so the net is as wide as it goes.
    except Exception as error:
        raise Rejected(Reason.FILE_UNREADABLE, "not a readable PDF") from error


def _opened(pdf: bytes) -> Pdf:
    # No recovery: a guess at a damaged file may differ from what another reader guesses.
    document = pikepdf.open(io.BytesIO(pdf), attempt_recovery=False)
    if document.is_encrypted:
        raise Rejected(Reason.FILE_UNREADABLE, "the PDF is encrypted")
    return document


def _within(size: int, limit: int, what: str) -> None:
    if size > limit:
        raise Rejected(Reason.FILE_TOO_LARGE, what=what, bytes=size, limit=limit)


def _put(document: Pdf, files: Mapping[str, bytes]) -> None:
    entries = _entries(document)
    if entries.keys() & files.keys():
        raise Rejected(Reason.MALFORMED, "a file of this name is inside already", field="name")
    if len(entries) + len(files) > MAX_FILES:
        raise Rejected(Reason.TOO_LARGE, "too many files", limit=MAX_FILES)
    names = document.Root.get("/Names")
    if names is None:
        names = document.Root.Names = document.make_indirect(Dictionary())
    if "/EmbeddedFiles" in names:
        tree = NameTree(names.EmbeddedFiles)
    else:
        tree = NameTree.new(document)
        names.EmbeddedFiles = tree.obj
    related = list(document.Root.get("/AF", Array()))
    for name, content in sorted(files.items()):
        tree[name] = filespec = _filespec(document, name, content)
        related.append(filespec)
    document.Root.AF = Array(related)


def _filespec(document: Pdf, name: str, content: bytes) -> pikepdf.Object:
    media_type = _MEDIA_TYPES.get(name.rpartition(".")[2], _UNKNOWN_MEDIA_TYPE)
    # PDF has no other checksum than MD5 here; it guards against accidents, proofs guard the rest.
    checksum = hashlib.md5(content, usedforsecurity=False).digest()
    stream = document.make_stream(
        content,
        Type=Name.EmbeddedFile,
        Subtype=Name("/" + media_type),
        Params=Dictionary(Size=len(content), CheckSum=String(checksum)),
    )
    return document.make_indirect(
        Dictionary(
            Type=Name.Filespec,
            F=name,
            UF=name,
            AFRelationship=Name.Data,
            EF=Dictionary(F=stream, UF=stream),
        )
    )


def _entries(document: Pdf) -> dict[str, pikepdf.Object]:
    names = document.Root.get("/Names")
    tree = None if names is None else names.get("/EmbeddedFiles")
    if tree is None:
        return {}
    found: dict[str, pikepdf.Object] = {}
    for name, filespec in NameTree(tree, auto_repair=False).items():
        if not isinstance(name, str) or name in found:
            raise Rejected(Reason.FILE_UNREADABLE, "two embedded files have one name, or one has none")
        if len(found) == MAX_FILES:
            raise Rejected(Reason.FILE_TOO_LARGE, "too many embedded files", limit=MAX_FILES)
        if any(str(filespec[key]) != name for key in ("/F", "/UF") if key in filespec):
            raise Rejected(Reason.FILE_UNREADABLE, "an embedded file has two names")
        found[name] = filespec
    return found


def _content(filespec: pikepdf.Object) -> bytes:
    embedded = filespec.EF
    stream = embedded.get("/UF", embedded.get("/F"))
    if stream is None or stream.objgen != embedded.get("/F", stream).objgen:
        raise Rejected(Reason.FILE_UNREADABLE, "an embedded file has two contents, or none")
    _within(len(stream.read_raw_bytes()), MAX_FILE_BYTES, "embedded file")
    content = bytes(stream.read_bytes())
    _within(len(content), MAX_FILE_BYTES, "embedded file")
    return content
