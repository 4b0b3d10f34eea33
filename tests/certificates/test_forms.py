"""The accountant's forms: what is given stands on the page whole, what is not is left to write, and that is all."""

import csv
import re
import subprocess
import sys
import unicodedata
from dataclasses import replace
from datetime import date

import pypdfium2 as pdfium
import pytest

from certificates.forms import BLANK_DAY, MAX_ROWS, Account, Filled, forms, render_form
from certificates.layout import NATION
from certificates.typeset import GlyphMissing
from ledger.refusals import Reason, Rejected
from tests.certificates.test_layout import shown, squeezed, text_of
from tests.shared import shared

DAY = date(2026, 9, 5)
UNIT = "Quỹ Bảo trợ trẻ em Hải Phòng"
RECEIPT = Filled(
    form="phieu-thu",
    unit=UNIT,
    made_on=DAY,
    day=DAY,
    number="PT-0012",
    book="3",
    accounts=(Account("1111", "431", "1.500.000 ₫"),),
    values={
        "party": "Nguyễn Thị Hoà Bình",
        "address": "Số 5 Lạch Tray, Hải Phòng",
        "reason": "Tiếp nhận ủng hộ (Nguồn sữa)",
        "amount": "1.500.000 ₫",
        "words": "Một triệu năm trăm nghìn đồng chẵn",
    },
    foot="Bản ghi số 12",
)
FORMS = pytest.mark.parametrize("name", list(forms()))


def pages(pdf: bytes) -> list[str]:
    """The text of each page, without white space."""
    return [squeezed(page.get_textpage().get_text_range()) for page in pdfium.PdfDocument(pdf)]


def full(name: str, text: str) -> Filled:
    """A form with the same text in every place."""
    form = forms()[name]
    keys = {key for line in (*form.lines, *form.closing) for key in re.findall(r"\{([a-z_0-9]+)\}", line)}
    row = {key: text for key, *_ in form.columns if key != "no"}
    rows = (row,) if form.columns else ()
    return Filled(name, UNIT, DAY, dict.fromkeys(keys - {"unit_name", "day"}, text), DAY, "PT-0012", "3", rows=rows)


@FORMS
def test_an_empty_form_has_its_title_fields_and_signatures(name: str) -> None:
    """The commune's officer fills it in by pen: a field that is missing is a paper that the auditor sends back."""
    form = forms()[name]
    pdf = render_form(Filled(name, UNIT, DAY))
    text = squeezed(text_of(pdf))
    assert squeezed(form.name.upper()) in text
    assert squeezed(UNIT).casefold() in text.casefold()
    assert squeezed(form.source) in text or form.head == "minutes"
    assert (squeezed(form.code) in text) if form.code else "Mẫusố" not in text
    assert (squeezed(NATION[0]) in text) is (form.head == "minutes")
    for line in (*form.lines, *form.closing):
        for part in re.split(r"\{[a-z_0-9]+\}", line):
            assert squeezed(part) in text, line
    for who in (each.partition("|")[0] for row in form.signatures for each in row):
        assert squeezed(who) in text
    for _, heading, *_ in form.columns:
        assert squeezed(heading) in text
    assert "None" not in text
    assert "{" not in text
    if "{day}" in "".join(form.lines) or form.head == "voucher":
        assert squeezed(BLANK_DAY[1:]) in text, "the day is left to write"


@FORMS
def test_a_form_that_nobody_compared_says_so(name: str) -> None:
    """An accountant who takes an unverified layout for the circular's own is misled by us."""
    assert not forms()[name].verified
    assert all("Mẫubiểuchưađượckiểmchứng" in page for page in pages(render_form(Filled(name, UNIT, DAY))))


def test_the_forms_are_those_of_the_table() -> None:
    """Codes, names and signatures come from the table of forms, not from memory."""
    listed = list(csv.DictReader(shared("data/voucher_forms.csv").read_text(encoding="utf-8").splitlines()))
    by_code = {form.code: form for form in forms().values() if form.code}
    assert set(by_code) == {row["code"] for row in listed} - {"GDK"}
    for row in listed:
        if row["code"] == "GDK":
            form = forms()["giao-nhan"]
        else:
            form = by_code[row["code"]]
            assert form.name == row["name_vi"]
        signers = squeezed("".join("".join(each) for each in form.signatures)).casefold()
        for who in row["signatures"].split(";"):
            assert squeezed(who.partition("(")[0]).casefold() in signers, (row["code"], who)


def test_a_receipt_voucher_says_what_was_given() -> None:
    pdf = render_form(RECEIPT)
    for wanted in (
        *RECEIPT.values.values(),
        "Số: PT-0012",
        "Quyển số: 3",
        "Nợ: 1111 1.500.000 ₫",
        "Có: 431 1.500.000 ₫",
        "Ngày 05 tháng 09 năm 2026",
        "Mẫu số: C40-BB",
        "Bản ghi số 12",
    ):
        assert shown(wanted, pdf), wanted
    width, height = pdfium.PdfDocument(pdf)[0].get_size()
    assert (round(width), round(height)) == (595, 420), "half a sheet, across"


def test_account_numbers_that_nobody_checked_say_so() -> None:
    unsure = replace(RECEIPT, accounts=(Account("1111", "431", "1 ₫", verified=False),))
    assert shown("Số hiệu tài khoản chưa được kiểm chứng", render_form(unsure))
    assert not shown("Số hiệu tài khoản", render_form(RECEIPT))


@FORMS
@pytest.mark.parametrize(
    "text",
    ["Ủy ban nhân dân xã " + "Nguyễn Thị Hoàng Yến Phượng " * 6, "Ễ" * 130],
    ids=["long", "one-word"],
)
def test_long_texts_wrap_and_stay_on_the_page(name: str, text: str) -> None:
    """A name cut at the edge is another name."""
    text = text.strip()
    filled = full(name, text)
    pdf = render_form(filled)
    wanted = sum(line.count("{") for line in (*forms()[name].lines, *forms()[name].closing))
    wanted -= sum(line.count("{unit_name}") + line.count("{day}") for line in forms()[name].lines)
    wanted += len(filled.rows[0]) if filled.rows else 0
    assert squeezed("".join(pages(pdf))).count(squeezed(text)) >= wanted - 1 > 0
    for page in pdfium.PdfDocument(pdf):
        width, height = page.get_size()
        letters = page.get_textpage()
        for n in range(letters.count_chars()):
            left, bottom, right, top = letters.get_charbox(n)
            assert 0 <= left <= right <= width, letters.get_text_range(n, 1)
            assert 0 <= bottom <= top <= height, letters.get_text_range(n, 1)


@FORMS
def test_no_name_and_no_seal_stand_where_people_sign(name: str) -> None:
    """The place under the last signatures is white down to the small print."""
    pdf = render_form(full(name, "Nguyễn Thị Hoà"))
    document = pdfium.PdfDocument(pdf)
    page = document[len(document) - 1]
    letters = page.get_textpage()
    found = list(re.finditer(r"\(Ký", letters.get_text_range()))
    assert found
    last = letters.get_charbox(found[-1].start())[1]
    height = page.render(scale=1).to_pil().convert("L")
    top, bottom = int(page.get_size()[1] - last) + 4, int(page.get_size()[1] - last) + 30
    white = height.crop((0, top, height.width, bottom))
    assert white.getextrema()[0] > 250


@FORMS
def test_a_reprint_says_so_on_every_page(name: str) -> None:
    """Two originals of one voucher could be booked twice."""
    long = replace(Filled(name, UNIT, DAY), blank_rows=90 if forms()[name].columns else None)
    first, third = pages(render_form(long)), pages(render_form(replace(long, copy=3)))
    assert all("BẢNINLẠIlần2—reprint2" in page for page in third)
    assert not any("INLẠI" in page for page in first)
    assert len(third) >= (2 if forms()[name].columns else 1)


def test_a_list_has_as_many_rows_as_asked_and_signs_with_the_last() -> None:
    """Signatures on a page of their own sign for nothing."""
    for count in (1, 17, 18, 19, 20, 60):
        texts = [page.get_textpage().get_text_range() for page in pdfium.PdfDocument(render_form(
            Filled("danh-sach-ky-nhan", UNIT, DAY, blank_rows=count)
        ))]  # fmt: skip
        numbers = [int(n) for text in texts for n in re.findall(r"^(\d+)\s*$", text, re.MULTILINE)]
        assert sorted(numbers) == list(range(1, count + 1))
        assert re.search(rf"^{count}\s*$", texts[-1], re.MULTILINE)
        assert "Người trao" in texts[-1]
        assert all("Người nhận" in text for text in texts), "the head of the table stands on every page"


@pytest.mark.parametrize("count", [0, MAX_ROWS + 1])
def test_a_list_of_no_rows_or_of_a_million_is_refused(count: int) -> None:
    with pytest.raises(Rejected) as refused:
        render_form(Filled("danh-sach-ky-nhan", UNIT, DAY, blank_rows=count))
    assert refused.value.reason is Reason.TOO_LARGE


def test_what_cannot_be_shown_is_refused_wherever_it_stands() -> None:
    """A box instead of a letter is a name that nobody can check."""
    for bad in (
        replace(RECEIPT, values={**RECEIPT.values, "party": "Bé 🌸"}),
        replace(RECEIPT, unit="Quỹ \u200b"),
        replace(RECEIPT, number="漢"),
        replace(RECEIPT, form="giao-nhan", rows=({"goods": "🥛"},)),
    ):
        with pytest.raises(GlyphMissing):
            render_form(bad)
    with pytest.raises(Rejected) as refused:
        render_form(replace(RECEIPT, form="bang-khen"))
    assert refused.value.reason is Reason.NO_SUCH_FORM


def test_decomposed_names_come_out_composed() -> None:
    decomposed = unicodedata.normalize("NFD", "Nguyễn Thị Hoà Bình")
    pdf = render_form(replace(RECEIPT, values={**RECEIPT.values, "party": decomposed}))
    assert "Nguyễn Thị Hoà Bình" in text_of(pdf)


def test_the_same_values_give_the_same_bytes_in_another_process() -> None:
    program = (
        "import sys; from tests.certificates.test_forms import RECEIPT, full, render_form;"
        "sys.stdout.buffer.write(render_form(RECEIPT) + render_form(full('kiem-ke-quy', 'Nguyễn')))"
    )
    again = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    assert again == render_form(RECEIPT) + render_form(full("kiem-ke-quy", "Nguyễn"))


@FORMS
def test_the_pages_are_tagged_and_the_fonts_inside(name: str) -> None:
    """A blind accountant's reader, and a printer without Vietnamese fonts."""
    pdf = render_form(full(name, "Ễ ỡ ặ ự ₫"))
    assert b"/StructTreeRoot" in pdf
    assert b"/FontFile2" in pdf
    assert shown("Ễ ỡ ặ ự ₫", pdf)
