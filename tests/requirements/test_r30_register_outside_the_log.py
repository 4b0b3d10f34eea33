"""R30: the children's register lies outside the log, current, with the source of each change."""

from datetime import date
from pathlib import Path

import openpyxl

from tests.ledger.saying import bodies
from tests.ledger.story3.aid import sealed
from tests.privacy import is_said, said_in
from tests.requirements.conftest import Walk
from tests.worlds import SHA


def test_r30_register_outside_the_log(walk: Walk, tmp_path: Path) -> None:
    """A commune sends its register as a workbook; it is checked without recording anything, then loaded.
    An officer adds what a visit found to one child, naming the paper it stands in, through the API.
    The register shows the child whole: what the list said and what was added, each with its source.
    A second list with another column than the register's is refused, so that nothing is silently lost.
    From the records alone nobody learns a name, a number, a day of birth, a school or a circumstance, nor which
    records are about one child.
    """
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Mã trẻ / Number", "Họ tên / Name", "Ngày sinh / Born on", "Trường / School", "Hoàn cảnh"])
    sheet.append(["TE0101", "Phạm Thu Hương", date(2017, 2, 3), "Trường Tiểu học Lưu Kiếm", "Mẹ mất sức lao động"])
    file = tmp_path / "so-theo-doi.xlsx"
    book.save(file)
    assert walk.sovang("children", "load", str(file), "--check")["recorded"] == 0
    assert walk.sovang("children", "load", str(file))["recorded"] == 1
    index = walk.sovang("children", "show", "TE0101")["versions"][0]["index"]
    more = {"same_as": index, **sealed(need="Xe lăn")}
    walk.say("child_registered", child=more, registered_on=walk.today, source=SHA)
    first, second = walk.sovang("children", "show", "TE0101")["versions"]
    assert second["values"] == {**first["values"], "need": "Xe lăn"}
    (hit,) = walk.sovang("search", "xe lan")["hits"]
    assert (hit["index"], hit["found"]) == (second["index"], "vault.need")
    sheet.append(["TE0102"])
    sheet["F1"] = "Số điện thoại"
    book.save(file)
    assert walk.fails("children", "load", str(file))["reason"] == "HEADER_UNKNOWN"
    told = bodies(walk.world)[-2:]
    read_out = said_in(told)
    private = [value for name, value in second["values"].items() if name != "source"]
    assert len(private) == 6
    assert [value for value in private if is_said(value, read_out)] == []
    tags = {line for line in read_out.splitlines() if len(line) == 32}
    assert len(tags) == 2
