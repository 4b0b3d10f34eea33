"""Commands of clocks and audit work: deadlines, calendar, audit."""

import secrets
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from api.cli.figures import amount
from api.cli.session import Answer, Misuse, Session

_DAY = ["%Y-%m-%d"]


def deadlines(
    session: Session,
    until: Annotated[datetime | None, typer.Option(formats=_DAY, help="Đến ngày; mặc định 60 ngày tới — until")] = None,
    ics: Annotated[Path | None, typer.Option(help="Ghi tệp lịch iCalendar — write a calendar file")] = None,
) -> Answer:
    """Việc đến hạn và quá hạn: báo cáo, đợt vận động, cam kết, tạm ứng, khiếu nại… — what is due."""
    from audit.ics import calendar
    from audit.reports.deadlines import deadlines as ask

    today = session.today
    found = ask(session.opened, today=today, until=None if until is None else until.date())
    document: dict[str, Any] = {"today": today.isoformat(), "deadlines": [due.to_json() for due in found]}
    lines = []
    if ics is not None:
        opened = session.opened
        name = f"Sổ Vàng {opened.code}"
        session.write(ics, calendar(found, origin=opened.vkey.name, name=name, stamp=opened.clock()))
        document["ics"] = str(ics)
        lines.append(f"Lịch: {ics} — calendar file")
    rows = [
        [
            f"{due.due_on:%d/%m/%Y}",
            f"quá {-due.days_left}" if due.days_left < 0 else str(due.days_left),
            due.code,
            due.vi + ("" if due.minor is None or due.unit is None else f": {amount(due.minor, due.unit)}"),
            "" if due.source is None else due.source if due.verified else f"{due.source} (chưa kiểm chứng)",
            "" if due.record is None else str(due.record),
        ]
        for due in found
    ]
    heads = ("hạn / due", "còn (ngày) / days left", "mã / code", "việc / what", "căn cứ / source", "bản ghi / record")
    return Answer(document, lines, (heads, rows))


def calendar_list(session: Session) -> Answer:
    """Các quy định về thời hạn: đang áp dụng cho sổ này, và có sẵn để áp dụng — rules of clocks."""
    from audit.reports import open_source
    from audit.reports.deadlines import rules_in_force
    from ledger.clocks import rules

    with open_source(session.opened, today=session.today) as source:
        used = rules_in_force(source)
    own = {rule.code for rule in used if rule.record is not None}
    others = [rule for rule in rules() if rule not in used and rule.code not in own]
    listed = [*((rule, True) for rule in used), *((rule, False) for rule in others)]
    rows, said = [], []
    for rule, in_force in listed:
        window = f"{rule.valid_from} – {rule.valid_to or ''}"
        source_said = rule.source if rule.verified else f"{rule.source} (chưa kiểm chứng)"
        mark = "có" if in_force else ""
        rows.append([rule.code, mark, rule.when, rule.name[0], rule.recipient, window, source_said, rule.rule_set])
        said.append(
            {
                "code": rule.code,
                "in_force": in_force,
                "when": rule.when,
                "about": rule.about,
                "name": list(rule.name),
                "sender": rule.sender,
                "recipient": rule.recipient,
                "level": rule.level,
                "valid_from": rule.valid_from.isoformat(),
                "valid_to": None if rule.valid_to is None else rule.valid_to.isoformat(),
                "source": rule.source,
                "verified": rule.verified,
                "set": rule.rule_set,
                "record": rule.record,
            }
        )
    heads = ("mã / code", "áp dụng / in force", "khi nào / when", "việc / what", "nơi nhận / recipient")
    return Answer({"rules": said}, (), ((*heads, "hiệu lực / valid", "căn cứ / source", "bộ / set"), rows))


def calendar_use(
    session: Session,
    codes: Annotated[list[str], typer.Argument(help="Mã quy định: D-HUE-1 … — codes of shipped rules")],
    from_day: Annotated[
        datetime | None, typer.Option("--from", formats=_DAY, help="Từ ngày; mặc định hôm nay — first day")
    ] = None,
    recipient: Annotated[str | None, typer.Option(help="Nơi nhận hiện nay — today's recipient")] = None,
) -> Answer:
    """Đưa quy định có sẵn vào lịch của sổ này, bằng một nghiệp vụ mỗi mã — put shipped rules into the book."""
    from ledger.clocks import Rule, shipped

    day = session.today if from_day is None else from_day.date()
    asked: list[Rule] = []
    for code in codes:
        rule = shipped(code, day)
        if rule is None:
            raise Misuse(f"không có quy định {code} vào ngày {day} — no such rule; see sovang calendar list")
        asked.append(rule)
    entries: list[dict[str, Any]] = [
        {
            "entry": {
                "kind": "report_rule_set",
                "rule": rule.code,
                "about": rule.about,
                "from_on": day.isoformat(),
                "level": rule.level,
                "name": rule.name[0],
                "recipient": recipient or rule.recipient,
                "sender": rule.sender,
                "source": rule.source,
                "when": rule.when,
            }
        }
        for rule in asked
    ]
    recorded = session.opened.requests.submit(entries, session.actor)
    used = [{"code": rule.code, "index": one.index} for rule, one in zip(asked, recorded, strict=True)]
    lines = [f"{one['code']}: bản ghi {one['index']} — record" for one in used]
    return session.signed(Answer({"used": used}, lines))


def audit_seed(
    session: Session,
    sample: Annotated[str, typer.Argument(help="Mã mẫu kiểm tra — code of the sample")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Tệp giữ hạt giống bí mật — where the seed is kept")],
    from_day: Annotated[datetime, typer.Option("--from", formats=_DAY, help="Từ ngày ghi sổ — first booking day")],
    to_day: Annotated[datetime, typer.Option("--to", formats=_DAY, help="Đến ngày ghi sổ — last booking day")],
    hits: Annotated[int, typer.Option(min=1, max=10_000, help="Chọn bao nhiêu đơn vị tiền — how many money hits")],
    population: Annotated[
        Literal["received", "paid", "used"], typer.Option(help="Tổng thể: đã nhận, đã chi, đã dùng — population")
    ] = "received",
    unit: Annotated[str, typer.Option(help="Loại tiền — currency")] = "VND",
) -> Answer:
    """Cam kết một mẫu kiểm tra: hạt giống bí mật vào tệp, mã băm của nó vào sổ — commit to a sample."""
    from hashlib import sha256

    from ledger.files import write_durably

    if output.exists():
        raise Misuse(f"{output} đã có — exists already")
    seed = secrets.token_bytes(32)
    # The file comes first: a commitment whose seed is lost can never be drawn.
    write_durably(output, f"{seed.hex()}\n".encode())
    output.chmod(0o600)
    entry = {
        "kind": "sample_committed",
        "sample": sample,
        "seed_sha256": sha256(seed).hexdigest(),
        "population": population,
        "unit": unit,
        "from_on": from_day.date().isoformat(),
        "to_on": to_day.date().isoformat(),
        "hits": hits,
    }
    try:
        recorded = session.opened.requests.submit([{"entry": entry}], session.actor)[0]
    except Exception as error:
        from ledger.refusals import Rejected

        if isinstance(error, Rejected):  # nothing was committed to: the seed is of no use
            output.unlink()
        raise
    document = {
        "sample": sample,
        "index": recorded.index,
        "seed_sha256": entry["seed_sha256"],
        "seed_file": str(output),
    }
    lines = (
        f"Đã cam kết mẫu {sample} ở bản ghi {recorded.index}; giữ kín {output} đến khi mở — committed; keep the seed",
        f"Mở mẫu — draw: sovang audit sample {sample} --seed {output}",
    )
    return session.signed(Answer(document, lines))


def audit_sample(
    session: Session,
    sample: Annotated[str, typer.Argument(help="Mã mẫu kiểm tra — code of the sample")],
    seed: Annotated[Path | None, typer.Option(help="Tệp hạt giống, lần đầu — the seed's file, the first time")] = None,
) -> Answer:
    """Mở mẫu đã cam kết, hoặc chọn lại đúng mẫu ấy từ sổ — draw a committed sample, or draw it again."""
    from audit.reports import open_source
    from audit.reports.sampling import METHOD, draw_sample

    recorded = None
    if seed is not None:
        said = seed.read_text(encoding="ascii", errors="replace").strip()
        entry = {"kind": "sample_drawn", "sample": sample, "seed": said}
        recorded = session.opened.requests.submit([{"entry": entry}], session.actor)[0]
    with open_source(session.opened, today=session.today) as source:
        drawn = draw_sample(source, sample)
    unit = drawn.terms.unit
    rows = [[str(item.index), amount(item.minor, unit), str(item.hits)] for item in drawn.items]
    lines = (
        METHOD,
        f"Tổng thể {drawn.records} bản ghi, {amount(drawn.total_minor, unit)}; chọn {drawn.terms.hits} lần, được "
        f"{len(drawn.items)} bản ghi — population, hits, records drawn",
    )
    heads = ("bản ghi / record", "số tiền / amount", "trúng / hits")
    answer = Answer(drawn.to_json(), lines, (heads, rows))
    return answer if recorded is None else session.signed(answer)


def audit_papers(
    session: Session,
    sample: Annotated[str, typer.Argument(help="Mã mẫu kiểm tra — code of the sample")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Tệp ZIP — where the papers go")],
    evidence: Annotated[
        Path | None, typer.Option(help="Thư mục bản quét, tên gì cũng được — a folder of scans, by their hash")
    ] = None,
) -> Answer:
    """Giấy tờ làm việc của kiểm toán: mỗi bản ghi trúng mẫu một thư mục, kèm bằng chứng và hồ sơ — working papers."""
    from api.reports import bound_of, to_bytes
    from audit.reports import Period, make_report, open_source
    from audit.reports.sampling import draw_sample, evidence_files, working_papers

    if evidence is not None and not evidence.is_dir():
        raise Misuse(f"{evidence} không phải thư mục — is no folder")
    with open_source(session.opened, today=session.today) as source:
        drawn = draw_sample(source, sample)
        period = Period(drawn.terms.from_on, drawn.terms.to_on)
        made = make_report(source, "sample", period, {"sample": sample})
    bound = bound_of(session.opened, made.size)
    cover = {f"mau-{sample}.{form}": to_bytes(made, form, bound) for form in ("csv", "json", "xlsx")}
    packed, missing = working_papers(session.opened, drawn.items, evidence_files(evidence), cover)
    session.write(output, packed)
    document = {"path": str(output), "records": len(drawn.items), "missing": missing}
    lines = [f"{output}: {len(drawn.items)} bản ghi — records"]
    if missing:
        lines.append(f"Thiếu {len(missing)} tệp hồ sơ — evidence without a file: {', '.join(d[:16] for d in missing)}")
    return Answer(document, lines)
