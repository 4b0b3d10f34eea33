"""Campaigns, the calendar of reports, audit work: every kind said once, each where it may stand."""

from hashlib import sha256
from typing import Any

from ledger.book import Recorded
from tests.worlds import SHA, World, vnd

SEED = "5d" * 32
SEED_SHA256 = sha256(bytes.fromhex(SEED)).hexdigest()

DEFAULTS: dict[str, dict[str, Any]] = {
    "campaign_opened": {
        "campaign": "bao-so-3",
        "name": "Vì trẻ em vùng bão số 3",
        "fund": "sua",
        "sort": "disaster",
        "from_on": "2026-08-01",
        "to_on": "2026-10-30",
        "decision_sha256": SHA,
    },
    "campaign_extended": {
        "campaign": "bao-so-3",
        "stage": "distribution",
        "to_on": "2026-12-31",
        "evidence_sha256": SHA,
        "why": "Nhà tài trợ đồng ý phân phối đến hết năm",
    },
    "campaign_closed": {
        "campaign": "bao-so-3",
        "stage": "reception",
        "closed_on": "2026-08-31",
        "minutes_sha256": SHA,
    },
    "report_rule_set": {
        "rule": "bao-cao-15-12",
        "name": "Báo cáo năm về bảo vệ, chăm sóc trẻ em",
        "sender": "Quỹ",
        "recipient": "Sở Y tế",
        "level": "province",
        "when": "yearly before 12-15",
        "about": "year",
        "from_on": "2025-01-01",
        "source": "công văn của Sở",
    },
    "report_submitted": {
        "report": "bao-cao-15-12",
        "period": "2025",
        "recipient": "Sở Y tế",
        "sha256": SHA,
        "submitted_on": "2026-01-05",
    },
    "report_acknowledged": {"acknowledged_on": "2026-01-07"},
    "sample_committed": {
        "sample": "kt-2026",
        "seed_sha256": SEED_SHA256,
        "population": "received",
        "unit": "VND",
        "from_on": "2026-01-01",
        "to_on": "2026-12-31",
        "hits": 3,
    },
    "sample_drawn": {"sample": "kt-2026", "seed": SEED},
    "finding_raised": {
        "finding": "ph-1",
        "sort": "recovery",
        "what": "Chi vượt định mức suất sữa",
        "amount": vnd(50_000),
        "raised_on": "2026-09-01",
        "answer_by_on": "2026-09-30",
        "sample": "kt-2026",
        "report_sha256": SHA,
    },
    "finding_followed": {
        "finding": "ph-1",
        "answer": "Đã nộp lại phần vượt",
        "closed": True,
        "followed_on": "2026-09-01",
    },
}


def request(kind: str, **changed: Any) -> dict[str, Any]:
    """The usual request of a kind of this family; a field set to None is left out."""
    fields = {**DEFAULTS[kind], **changed}
    return {"kind": kind, **{name: value for name, value in fields.items() if value is not None}}


def say(world: World, kind: str, **changed: Any) -> Recorded:
    """Records the usual request of a kind of this family, with some fields changed."""
    return world.say(**request(kind, **changed))


def tell(world: World) -> None:
    """The family's part of the third golden book."""
    say(world, "campaign_opened")
    say(world, "campaign_closed")
    say(world, "campaign_extended")
    say(world, "report_rule_set")
    sent = say(world, "report_submitted")
    say(world, "report_acknowledged", submitted=sent.index, submitted_leaf=sent.leaf_hash.hex())
    gift = world.gift(900_000, fund="chung")
    say(world, "sample_committed")
    say(world, "sample_drawn")
    say(world, "finding_raised", about=gift.index, about_leaf=gift.leaf_hash.hex())
    back = world.gift(50_000, fund="chung")
    say(world, "finding_followed", recovered=back.index)
