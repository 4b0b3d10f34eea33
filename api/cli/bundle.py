"""Commands that give a proof to take home: bundle, qr; and what `sovang check` says of a bundle."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.figures import amount
from api.cli.session import Answer, Misuse, Session

if TYPE_CHECKING:
    from audit.checks_bundle import CheckedBundle

Output = Annotated[Path | None, typer.Option("-o", "--output", help="Tệp kết quả — output file")]

CANNOT_SHOW = (
    "Không chứng minh được ngoại tuyến: quy tắc R gán đúng những lần dùng này cho khoản này, và sau mốc niêm phong có "
    "thay đổi gì — "
    "cannot be shown offline: that rule R gives just these uses to this gift, and what came after the checkpoint"
)


SAID = "quỹ nói, chưa chứng minh — said by the fund, not proven here"


def bundle(
    session: Session,
    gift: Annotated[int, typer.Argument(help="Số bản ghi của khoản ủng hộ — index of the gift")],
    output: Output = None,
    part: Annotated[int | None, typer.Option(help="Phong bì, khoản hay mặt hàng thứ mấy, từ 0 — which part")] = None,
    name: Annotated[bool, typer.Option("--name", help="Kèm tên người ủng hộ — with the donor's name")] = False,
) -> Answer:
    """Viết gói bằng chứng: khoản ủng hộ đã làm được gì — write the donor's bundle: what a gift did, proven."""
    from audit.bundle import make_bundle

    data = make_bundle(session.opened, gift, part, name=name)
    stem = f"{session.opened.code}-{gift}" + ("" if part is None else f"-{part}")
    path = output or Path(f"{stem}.sovang-bundle")
    session.write(path, data, private=name)
    said = {"path": str(path), "index": gift, "part": part, "bytes": len(data)}
    return Answer(said, (f"Đã viết — written: {path} ({len(data)} byte)",))


def qr(
    session: Session,
    index: Annotated[int, typer.Argument(help="Số bản ghi — index of the record")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Tệp .svg, .png hoặc .txt — output file")
    ] = None,
) -> Answer:
    """Viết mã QR chứa một bản ghi và bằng chứng — write the QR code of one record and its proof."""
    from audit.bundle import make_qr

    path = output or Path(f"{session.opened.code}-{index}.svg")
    form = path.suffix.lower().removeprefix(".")
    if form not in ("svg", "png", "txt"):
        raise Misuse("tên tệp kết thúc bằng .svg, .png hoặc .txt — the file's name ends in .svg, .png or .txt")
    text = make_qr(session.opened, index)
    version, image = qr_image(text, form)
    session.write(path, text.encode() if form == "txt" else image)
    said = {"path": str(path), "index": index, "characters": len(text), "version": version}
    return Answer(said, (f"Đã viết — written: {path} ({len(text)} ký tự / characters, QR {version})",))


def qr_image(text: str, form: str) -> tuple[int, bytes]:
    """(version, bytes) of the code as `svg` or `png`; with `txt` just the version."""
    import io

    import segno

    # Level L: a misread code gives other bytes, and no other bytes pass the check.
    code = segno.make_qr(text, error="l", mode="alphanumeric", boost_error=False)
    out = io.BytesIO()
    if form != "txt":
        code.save(out, kind=form, scale=4, border=4)
    assert isinstance(code.version, int)
    return code.version, out.getvalue()


def bundle_answer(checked: "CheckedBundle") -> Answer:
    """What `sovang check` says of a bundle that holds."""
    document = {
        "ok": True,
        "findings": [],
        "index": checked.gift,
        "part": checked.part,
        "issuer": checked.issuer,
        "fund": checked.fund,
        "minor": checked.amount.minor,
        "unit": checked.amount.unit,
        "received_on": checked.received_on,
        "name": checked.name,
        "uses": [
            {"index": u.index, "kind": u.kind, "day": u.day, "goods": u.goods}
            | ({} if u.goods else {"minor": u.minor, "unit": u.unit})
            for u in checked.uses
        ],
        "said_not_proven": {
            "held": [{"account": h.account, "minor": h.minor, "unit": h.unit, "goods": h.goods} for h in checked.held],
            "refunded_minor": checked.refunded_minor,
            "uses": [{"index": u.index, "minor": u.minor, "unit": u.unit} for u in checked.uses if u.goods],
        },
        "records": list(checked.records),
        "origin": checked.checkpoint.origin,
        "size": checked.checkpoint.size,
        "root": checked.checkpoint.root.hex(),
    }
    sealed = f"Mốc niêm phong / checkpoint: {checked.checkpoint.size} bản ghi / records"
    return Answer(document, ("ĐÚNG — genuine", *_told(checked), sealed, CANNOT_SHOW))


def _told(checked: "CheckedBundle") -> list[str]:
    part = "" if checked.part is None else f", phần / part {checked.part}"
    unit = checked.amount.unit
    day = "—" if checked.received_on is None else f"{checked.received_on:%d/%m/%Y}"
    lines = [
        f"{checked.issuer}: khoản / gift {checked.gift}{part}, {amount(checked.amount.minor, unit)}, "
        f"nguồn / fund {checked.fund}, ngày / day {day}",
    ]
    if checked.name is not None:
        lines.append(f"Người ủng hộ / donor: {checked.name}")
    for use in checked.uses:
        # A hidden delivery says the province and the month, nothing nearer.
        where = use.commune or (f"tỉnh / province {use.province}" if use.province else "")
        when = "" if use.day is None else f"{use.day:%m/%Y}" if use.province else f"{use.day:%d/%m/%Y}"
        what = " ".join(filter(None, (use.activity or use.kind, where)))
        used = _pieces(use.goods) or amount(use.minor, unit)
        lines.append(f"- đã dùng / used {used}: {what}, {when}, bản ghi / record {use.index}")
    said = [
        f"- tiền của hàng đã dùng / money of the goods used {amount(use.minor, unit)}: bản ghi / record {use.index}"
        for use in checked.uses
        if use.goods
    ]
    for place in checked.held:
        goods = f" = {_pieces(place.goods)}" if place.goods else ""
        said.append(f"- còn giữ / held {amount(place.minor, unit)}{goods}: {place.account}")
    if checked.refunded_minor:
        said.append(f"- đã hoàn hoặc đảo / given back or reversed {amount(checked.refunded_minor, unit)}")
    return [*lines, f"{SAID[0].upper()}{SAID[1:]}:", *said] if said else lines


def _pieces(goods: dict[str, int]) -> str:
    return ", ".join(f"{count} {of}" for of, count in goods.items())
