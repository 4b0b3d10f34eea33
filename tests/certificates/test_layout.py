"""The two papers: whatever is given stands on the page, whole and readable, and nothing else does."""

import hashlib
import io
import json
import re
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pikepdf
import pypdfium2 as pdfium
import pytest
import zxingcpp

from certificates.attach import attach, attached
from certificates.layout import Check, Decision, Document, Donor, Goods, Issuer, render
from certificates.typeset import GlyphMissing, missing_glyphs, spelled_out
from ledger.refusals import Reason, Rejected
from tests.shared import shared

CHECK = Check(
    qr="https://sovang.test/k/7Q4M-X2K9-PD3A#41.9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15",
    short_code="7Q4M-X2K9-PD3A",
    index=41_007,
    checkpoint_size=1_024_000,
    vkey="so-vang.test/hai-phong+1f2e3d4c+ASW2Kk9lq3v0mXb7YpQeZr5tUoIhGfDsAaPzLxCvBnMw",
)
CERTIFICATE = Document(
    kind="certificate",
    issuer=Issuer("QUỸ BẢO TRỢ TRẺ EM THÀNH PHỐ HẢI PHÒNG", parent="SỞ Y TẾ THÀNH PHỐ HẢI PHÒNG"),
    number="12/2026/TLV",
    donor=Donor("Nguyễn Thị Hoà Bình"),
    purpose="Hỗ trợ trẻ em vùng lũ năm 2026",
    received_on=date(2026, 9, 3),
    received_at="Ngân hàng Ngoại thương, chi nhánh Hải Phòng",
    issued_on=date(2026, 9, 5),
    issued_at="Hải Phòng",
    check=CHECK,
    amount_minor=1_500_000,
    decision=Decision("08/QĐ-HĐBT", date(2026, 9, 1)),
)
RECEIPT = replace(
    CERTIFICATE, kind="receipt", number="345/2026/XN", decision=None, donor=Donor("CONG TY MINH PHUC", True)
)
SIXTY = tuple(Goods(f"Sữa tươi tiệt trùng, loại {n:02}", 1_200 + n, "hộp") for n in range(60))
KINDS = pytest.mark.parametrize("document", [CERTIFICATE, RECEIPT], ids=["certificate", "receipt"])


def in_kind(document: Document, goods: tuple[Goods, ...]) -> Document:
    return replace(document, amount_minor=None, goods=goods)


def text_of(pdf: bytes) -> str:
    """What a reader program gets from the file, without line ends."""
    pages = [page.get_textpage().get_text_range() for page in pdfium.PdfDocument(pdf)]
    text = "\n".join(pages)
    # pdfium writes U+FFFE for a hyphen at the end of a line.
    return re.sub(r"\s+", " ", text.replace("\ufffe\r\n", "-").replace("\ufffe", "-"))


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFC", text))


def shown(text: str, pdf: bytes) -> bool:
    """The text stands on the page, however it was broken into lines."""
    return squeezed(text) in squeezed(text_of(pdf))


# ------------------------------------------------------------------------------- what it says


@KINDS
def test_every_field_is_on_the_page(document: Document) -> None:
    text = text_of(render(document))
    assert text == unicodedata.normalize("NFC", text)
    for wanted in (
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "Độc lập - Tự do - Hạnh phúc",
        document.issuer.name,
        str(document.issuer.parent),
        f"Số: {document.number}",
        str(document.donor.name),
        "1.500.000 ₫",
        "Một triệu năm trăm nghìn đồng chẵn",
        document.purpose,
        "ngày 03 tháng 09 năm 2026",
        document.received_at,
        "Hải Phòng, ngày 05 tháng 09 năm 2026",
        "TM. HỘI ĐỒNG BẢO TRỢ",
        "(ký, ghi rõ họ tên, đóng dấu)",
        CHECK.short_code,
        "41.007",
        "1.024.000",
        CHECK.vkey,
        "sovang check FILE",
    ):
        assert squeezed(wanted) in squeezed(text), wanted


@KINDS
def test_an_unknown_place_of_issue_is_left_to_write_in(document: Document) -> None:
    """A book need not know its seat; the paper must not make one up, nor print «None»."""
    text = squeezed(text_of(render(replace(document, issued_at=None))))
    assert squeezed("………, ngày 05 tháng 09 năm 2026") in text
    assert "None" not in text


def test_each_paper_has_its_own_name_and_shape() -> None:
    certificate, receipt = render(CERTIFICATE), render(RECEIPT)
    assert "GIẤY CHỨNG NHẬN TẤM LÒNG VÀNG" in text_of(certificate)
    assert "số 08/QĐ-HĐBT" in text_of(certificate)
    assert "ngày 01 tháng 09 năm 2026" in text_of(certificate)
    assert "GIẤY XÁC NHẬN ỦNG HỘ" in text_of(receipt)
    assert "tên do người gửi ghi" in text_of(receipt)
    assert "tên do người gửi ghi" not in text_of(certificate)
    width, height = pdfium.PdfDocument(certificate)[0].get_size()
    assert (round(width), round(height)) == (842, 595)
    width, height = pdfium.PdfDocument(receipt)[0].get_size()
    assert (round(width), round(height)) == (595, 842)


@KINDS
def test_words_of_state_honours_are_absent(document: Document) -> None:
    """«Bằng khen», «giấy khen» are honours of the state; a fund that prints them breaks the law."""
    text = text_of(render(replace(document, reprint=True))).casefold()
    assert "khen" not in text
    assert "danh hiệu" not in text


@KINDS
def test_a_nameless_donor_is_thanked_without_a_name(document: Document) -> None:
    text = text_of(render(replace(document, donor=Donor(None, as_sent=True))))
    assert "Nhà hảo tâm không nêu tên" in text
    assert "người gửi ghi" not in text


@KINDS
def test_a_reprint_says_so_and_only_a_reprint(document: Document) -> None:
    """Two originals of one gift could be shown to two tax offices."""
    assert "Bản in lại" in text_of(render(replace(document, reprint=True)))
    assert "Bản in lại" not in text_of(render(document))


@KINDS
@pytest.mark.parametrize("count", [1, 2, 3, 4, 12, 13, 60])
def test_goods_are_all_listed(document: Document, count: int) -> None:
    pdf = render(in_kind(document, SIXTY[:count]))
    text = text_of(pdf)
    assert "₫" not in text
    for goods in SIXTY[:count]:
        assert text.count(goods.name) == 1
        assert f"{goods.quantity:,}".replace(",", ".") in text


def test_a_long_list_goes_on_and_is_signed_beside_its_last_line() -> None:
    """A signature alone on a page can be put under any list."""
    pages = pdfium.PdfDocument(render(in_kind(RECEIPT, SIXTY)))
    texts = [page.get_textpage().get_text_range() for page in pages]
    assert len(texts) == 2
    assert SIXTY[-1].name in texts[-1]
    assert "TM. HỘI ĐỒNG BẢO TRỢ" in texts[-1]
    assert "Trang 2/2" in texts[-1]
    for count in range(1, 70):
        goods = tuple(Goods(f"Gạo {n}", n, "kg") for n in range(count))
        pages = pdfium.PdfDocument(render(in_kind(RECEIPT, goods)))
        last = pages[len(pages) - 1].get_textpage().get_text_range()
        assert f"Gạo {count - 1}" in last
        assert "TM. HỘI ĐỒNG BẢO TRỢ" in last


@KINDS
def test_qr_code_reads_back(document: Document) -> None:
    page = pdfium.PdfDocument(render(document))[0]
    (code,) = zxingcpp.read_barcodes(page.render(scale=3).to_pil())
    assert code.text == CHECK.qr


def test_a_large_qr_code_still_reads_back() -> None:
    long = replace(CHECK, qr=CHECK.qr + "x" * 300)
    page = pdfium.PdfDocument(render(replace(CERTIFICATE, check=long)))[0]
    (code,) = zxingcpp.read_barcodes(page.render(scale=5).to_pil())
    assert code.text == long.qr


# ---------------------------------------------------------------------------- what does not fit


def boxes(pdf: bytes) -> list[list[tuple[float, float, float, float]]]:
    """Per page the rectangles of its runs of text: left, bottom, right, top."""
    found = []
    for page in pdfium.PdfDocument(pdf):
        text = page.get_textpage()
        found.append([text.get_rect(n) for n in range(text.count_rects())])
    return found


def assert_nothing_overlaps(pdf: bytes) -> None:
    for page, rectangles in zip(pdfium.PdfDocument(pdf), boxes(pdf), strict=True):
        width, height = page.get_size()
        for n, (left, bottom, right, top) in enumerate(rectangles):
            assert 34 < left < right < width - 34
            assert 34 < bottom < top < height - 34
            for l2, b2, r2, t2 in rectangles[:n]:
                across, down = min(right, r2) - max(left, l2), min(top, t2) - max(bottom, b2)
                assert across < 1 or down < 1, ((left, bottom, right, top), (l2, b2, r2, t2))


EXTREME = {
    "many words": "Công ty Trách nhiệm hữu hạn Một thành viên Thương mại và Dịch vụ Xuất nhập khẩu " * 4,
    "one word": "W" * 300,
    # Not the same in every line: pdfium takes a line equal to the one above for a shadow of it.
    "stacked marks": "".join("ỄỘẶỮỆ"[n * n % 7 % 5] for n in range(200)) + "ỄỘẶỮỆỴỖ",
    "two words": "Nguyễn " + "Ứ" * 80,
    "one letter": "Y",
    "spaces inside": "Trần   Văn   A",
}


@KINDS
@pytest.mark.parametrize("name", EXTREME.values(), ids=EXTREME.keys())
def test_extreme_names_stay_whole_and_apart(document: Document, name: str) -> None:
    """A name that runs into the sum, or out of the page, makes the paper worthless."""
    pdf = render(replace(document, donor=Donor(name, as_sent=True), amount_minor=2**53 - 1, reprint=True))
    assert shown(name, pdf)
    assert_nothing_overlaps(pdf)


@KINDS
def test_every_field_at_once_may_be_long(document: Document) -> None:
    long = replace(
        document,
        issuer=Issuer("QUỸ BẢO TRỢ TRẺ EM " * 4, parent="ỦY BAN NHÂN DÂN THÀNH PHỐ " * 3),
        donor=Donor("Tập đoàn Công nghiệp " * 8, as_sent=True),
        purpose="Hỗ trợ trẻ em có hoàn cảnh đặc biệt ở các xã vùng cao " * 3,
        received_at="Ngân hàng Thương mại cổ phần Ngoại thương Việt Nam " * 2,
        issued_at="Thành phố Hồ Chí Minh",
        number="1234567/2026/TLV-BTTE",
        amount_minor=8_999_999_999_999_999,
        signer="TM. HỘI ĐỒNG BẢO TRỢ QUỸ BẢO TRỢ TRẺ EM THÀNH PHỐ",
        reprint=True,
        check=replace(CHECK, vkey="k" * 180, short_code="7Q4M-X2K9-PD3A-7Q4M-X2K9", index=2**53 - 1),
    )
    pdf = render(long)
    assert_nothing_overlaps(pdf)
    for wanted in (
        long.issuer.name,
        long.donor.name,
        long.purpose,
        long.check.vkey,
        long.signer,
        long.number,
    ):
        assert shown(str(wanted), pdf)


@KINDS
@pytest.mark.parametrize("count", [1, 3, 60])
def test_goods_with_long_names_stay_whole_and_apart(document: Document, count: int) -> None:
    goods = tuple(Goods(f"{n} " + "Bàn ghế học sinh liền khối " * (n % 7 + 1), 2**53 - 1, "bộ hai chỗ ngồi")
                  for n in range(count))  # fmt: skip
    pdf = render(in_kind(document, goods))
    assert_nothing_overlaps(pdf)
    for item in goods:
        assert shown(item.name, pdf)


@KINDS
def test_what_fits_nowhere_is_refused(document: Document) -> None:
    """Refused by name, not cut: half a name is another name."""
    for wrong in (
        replace(document, donor=Donor("Nguyễn " * 3_000)),
        replace(document, signer="TM. HỘI ĐỒNG " * 400),
        replace(document, check=replace(CHECK, qr="x" * 1_500)),
        replace(document, check=replace(CHECK, qr="x" * 5_000)),
        replace(document, check=replace(CHECK, vkey="x" * 900)),
    ):
        with pytest.raises(Rejected) as refused:
            render(wrong)
        assert refused.value.reason is Reason.TOO_LARGE


# -------------------------------------------------------------------------- what cannot be shown


@KINDS
@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("Bé 🌸", "U+1F338"),
        ("\U00021a38喃", "U+21A38 U+5583"),
        ("Lan\u200dAnh", "U+200D"),
        ("Lan\u202eAnh", "U+202E"),
        ("Lan\nAnh", "U+000A"),
        ("Lan\u00adAnh", "U+00AD"),
    ],
)
def test_a_missing_glyph_is_refused_by_number(document: Document, name: str, missing: str) -> None:
    """A box in a donor's name is an insult, an invisible character a trap."""
    with pytest.raises(GlyphMissing) as refused:
        render(replace(document, donor=Donor(name)))
    assert refused.value.reason is Reason.GLYPH_MISSING
    assert refused.value.details == {"field": "donor.name", "characters": missing}
    assert missing_glyphs(name) == tuple(missing.split())
    assert shown(spelled_out(name), render(replace(document, donor=Donor(spelled_out(name)))))


def test_letters_of_our_languages_are_all_there() -> None:
    vowels = [c + mark for c in "aăâeêioôơuưy" for mark in ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")]
    every = unicodedata.normalize("NFC", "".join(vowels) + "đ bcdghklmnpqrstvx 0123456789 «»–—·…₫“”‘’&/()+-=@#%'\"")
    assert missing_glyphs(every + every.upper()) == ()


def test_decomposed_text_is_shown_composed() -> None:
    name = unicodedata.normalize("NFD", "Nguyễn Thị Hoà Bình")
    assert render(replace(CERTIFICATE, donor=Donor(name))) == render(CERTIFICATE)


def test_legitimate_names_are_shown_or_named_as_unshowable() -> None:
    """Every name a book may keep gives a paper: as it is, or with the unshowable spelled out."""
    lines = shared("hostile/text.jsonl").read_text("ascii").splitlines()
    cases = [json.loads(line) for line in lines]
    names = [case["text"] for case in cases if case["expect"] == "keep" and case.get("text", "").strip()]
    assert len(names) > 20
    for name in names:
        if len(name) > 300:
            continue
        pdf = render(replace(RECEIPT, donor=Donor(spelled_out(name))))
        assert shown(spelled_out(name), pdf), name
        if not missing_glyphs(name):
            assert spelled_out(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(CERTIFICATE, decision=None),
        replace(CERTIFICATE, amount_minor=None),
        replace(CERTIFICATE, goods=SIXTY[:1]),
        replace(CERTIFICATE, amount_minor=-1),
        replace(CERTIFICATE, number=" "),
        replace(CERTIFICATE, donor=Donor("")),
        replace(CERTIFICATE, kind="diploma"),  # type: ignore[arg-type]
        in_kind(RECEIPT, (Goods("Gạo", -1, "kg"),)),
    ],
)
def test_a_contradictory_document_is_refused(wrong: Document) -> None:
    with pytest.raises(Rejected) as refused:
        render(wrong)
    assert refused.value.reason is Reason.MALFORMED


# --------------------------------------------------------------------------------- the file itself


@KINDS
def test_same_document_same_bytes_in_another_process(document: Document) -> None:
    """The register holds the hash of the file; made again, it must be that file."""
    name = document.kind.upper()
    code = f"import hashlib, tests.certificates.test_layout as t;print(hashlib.sha256(t.render(t.{name})).hexdigest())"
    for seed in ("0", "1"):
        told = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo" if seed == "0" else "UTC", "PYTHONPATH": "."},
        )  # fmt: skip
        assert told.stdout.strip() == hashlib.sha256(render(document)).hexdigest()


def test_threads_do_not_disturb_each_other() -> None:
    papers = [CERTIFICATE, RECEIPT, in_kind(RECEIPT, SIXTY), replace(CERTIFICATE, donor=Donor(None))] * 3
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(render, papers)) == [render(paper) for paper in papers]


@KINDS
def test_the_file_tells_no_more_than_the_page(document: Document) -> None:
    """No path of our machine, no clock, no name in the metadata, no library's greeting."""
    pdf = render(document)
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        info = {key: str(value) for key, value in opened.docinfo.items()}
        assert info.keys() == {"/Title", "/Producer", "/CreationDate", "/ModDate"}
        assert info["/CreationDate"] == info["/ModDate"] == "D:20260905"
        assert document.number in info["/Title"]
        everything = b"".join(
            obj.read_bytes() if isinstance(obj, pikepdf.Stream) else str(obj).encode() for obj in opened.objects
        )
        outside_page = b"".join(str(value).encode() for value in (opened.docinfo, opened.Root.Metadata.read_bytes()))
    for trace in (b"/work", b"site-packages", b"/home", b"/tmp", b"anonymous", b"unspecified", b"Helvetica"):
        assert trace not in pdf
        assert trace not in everything
    assert str(document.donor.name).encode() not in outside_page
    assert b"1.500.000" not in outside_page


@KINDS
def test_the_file_is_tagged(document: Document) -> None:
    """Who listens to the page gets it in order, in the right language, with its title first."""
    with pikepdf.open(io.BytesIO(render(in_kind(document, SIXTY)))) as opened:
        root = opened.Root
        assert root.Lang == "vi-VN"
        assert root.MarkInfo.Marked is True
        assert root.ViewerPreferences.DisplayDocTitle is True
        with opened.open_metadata() as xmp:
            assert xmp["dc:title"] == str(opened.docinfo["/Title"])
        parents = root.StructTreeRoot.ParentTree.Nums
        roles: list[str] = []

        def walk(element: pikepdf.Object) -> None:
            roles.append(str(element.S))
            for kid in element.K:
                if kid.Type == pikepdf.Name.MCR:
                    number = next(n for n, page in enumerate(opened.pages) if page.obj.objgen == kid.Pg.objgen)
                    assert parents[2 * number + 1][int(kid.MCID)].objgen == element.objgen
                else:
                    assert kid.P.objgen == element.objgen
                    walk(kid)

        (top,) = root.StructTreeRoot.K
        walk(top)
        assert roles[0] == "/Document"
        assert roles.count("/H1") == 1
        assert roles.count("/Table") == 1
        assert roles.count("/TD") == 4 * len(SIXTY)
        assert roles.count("/Figure") == 1
        for page in opened.pages:
            depth = 0
            for operands, operator in pikepdf.parse_content_stream(page):
                if str(operator) in ("BDC", "BMC"):
                    assert depth == 0, operands
                    depth = 1
                elif str(operator) == "EMC":
                    depth = 0
                elif str(operator) in ("Tj", "TJ", "S", "f", "B", "Do"):
                    assert depth == 1, "drawn outside the structure"
            for font in page.Resources.Font.values():
                assert "/FontFile2" in font.FontDescriptor
                assert "/ToUnicode" in font


@KINDS
def test_one_page_is_small(document: Document) -> None:
    """Ten thousand certificates are mailed one by one."""
    assert len(render(document)) < 45_000


def test_a_certificate_carries_its_proof() -> None:
    files = {"record.json": b'{"v":1}', "proof.tlog-proof": b"c2sp.org/tlog-proof@v1\n"}
    whole = attach(render(CERTIFICATE), files)
    assert attached(whole) == files
    assert whole == attach(render(CERTIFICATE), files)
    assert text_of(whole) == text_of(render(CERTIFICATE))


@pytest.mark.parametrize(("module", "above"), [("typeset", ("ornament", "layout")), ("ornament", ("layout",))])
def test_arrows_point_downward(module: str, above: tuple[str, ...]) -> None:
    """How text is set must not come to depend on what the papers say."""
    source = (Path(__file__).parents[2] / "certificates" / f"{module}.py").read_text("utf-8")
    imported = re.findall(r"^\s*(?:from|import) certificates\.(\w+)", source, re.MULTILINE)
    assert not set(imported) & set(above)
