"""Requests to learn from, shown in the OpenAPI document; a test posts every one of them, in this order."""

from typing import Any

_MINUTES = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def _example(summary: str, entry: dict[str, Any], reference: str) -> dict[str, Any]:
    return {"summary": summary, "value": {"entry": entry, "reference": reference}}


def _vnd(minor: int) -> dict[str, Any]:
    return {"minor": minor, "unit": "VND"}


EXAMPLES: dict[str, dict[str, Any]] = {
    "place_opened": _example(
        "Mở tài khoản ngân hàng — a bank account",
        {"kind": "place_opened", "place": "bank:BIDV", "name": "BIDV Hải Phòng", "currency": "VND"},
        "mo-bidv",
    ),
    "fund_opened": _example(
        "Mở nguồn — a fund",
        {
            "kind": "fund_opened",
            "fund": "ao-am",
            "name": "Nguồn áo ấm",
            "source": "gift",
            "restriction": {"activities": ["DOAM"], "classes": [], "communes": []},
            "places": [],
        },
        "mo-nguon-ao-am",
    ),
    "pledge_made": _example(
        "Cam kết ủng hộ — a pledge",
        {
            "kind": "pledge_made",
            "pledge": "HQ7M2K4R",
            "fund": "ao-am",
            "amount": _vnd(20_000_000),
            "donor": {"private": {"name": "Công ty TNHH Minh Phúc", "phone": "0225 3745 678"}},
            "firm": True,
            "pledged_on": "2026-08-20",
            "due_on": "2026-12-31",
        },
        "ck-2026-08-20-1",
    ),
    "gift_received": _example(
        "Tiếp nhận ủng hộ — a gift",
        {
            "kind": "gift_received",
            "place": "bank:BIDV",
            "amount": _vnd(500_000),
            "fund": "ao-am",
            "received_on": "2026-08-30",
            "donor": {"private": {"name": "Nguyễn Thị Hoà"}},
            "parts": [],
        },
        "bidv-2026-08-30-17",
    ),
    "allocated": _example(
        "Phân bổ — an allocation",
        {
            "kind": "allocated",
            "allocation": "PB-01",
            "fund": "ao-am",
            "activity": "DOAM",
            "amount": _vnd(300_000),
            "communes": ["11500@2019-01-01"],
            "allocated_on": "2026-08-31",
            "decision_sha256": _MINUTES,
        },
        "qd-31-2026",
    ),
    "payment_ordered": _example(
        "Lệnh chi — a payment order",
        {
            "kind": "payment_ordered",
            "order": "LC-01",
            "allocation": "PB-01",
            "amount": _vnd(300_000),
            "ordered_on": "2026-08-31",
            "payee": {"holder": "xa-minh-tan", "payee_kind": "commune"},
            "place": "bank:BIDV",
        },
        "lc-01",
    ),
}

MANY: dict[str, Any] = {
    "summary": "Nhiều nghiệp vụ, tất cả hoặc không — many at once, all or nothing",
    "value": {
        "entries": [
            {
                "entry": {**EXAMPLES["gift_received"]["value"]["entry"], "amount": _vnd(minor)},
                "reference": f"bidv-2026-08-30-{number}",
            }
            for number, minor in ((18, 1_000_000), (19, 200_000))
        ]
    },
}

WANTED: dict[str, Any] = {
    "summary": "Khoản chuyển của tôi — my own transfer, as the bank's receipt says it",
    "value": {"day": "2026-08-30", "amount": _vnd(500_000), "reference": "FT26242000012345"},
}
