"""Catalogues: activities, classes, communes by day, flags, mappings, packages; targets and what came of them."""

from typing import Any

from tests.ledger.saying import DAY, MILK
from tests.worlds import LAI_XUAN, MINH_TAN, SHA, World, vnd

BACH_DANG = "11473@2025-07-01"
LUU_KIEM = "11488@2025-07-01"

PROGRAMME: dict[str, Any] = {
    "kind": "programme_opened",
    "activities": [{"activity": "VUICHOI", "name": "Điểm vui chơi"}],
    "from_on": "2021-01-01",
    "name": "Chương trình xã miền núi",
    "programme": "XA-MN",
    "to_on": "2030-12-31",
}
CLASS: dict[str, Any] = {
    "code": "HCN-01",
    "from_age": 0,
    "legal_basis": "Kế hoạch 256/KH-UBND",
    "name": "Trẻ em thuộc hộ cận nghèo",
    "name_en": "Child of a near-poor household",
    "sensitive": False,
    "to_age": 15,
    "valid_from": "2021-01-01",
}
PACKAGE: dict[str, Any] = {
    "kind": "package_listed",
    "activity": "SUA",
    "items": [{"goods": MILK, "quantity": 40}],
    "name": "Gói sữa một học kỳ",
    "package": "GOI-SUA",
    "programme": "HP256",
    "standard": "Sữa tươi tiệt trùng, QCVN 5-1:2010/BYT",
    "unit_price": vnd(240_000),
    "valid_from": "2026-01-01",
}
TARGET: dict[str, Any] = {
    "kind": "target_set",
    "by_on": "2026-12-31",
    "denominator": {"as_of": "2026-06-01", "name": "Trẻ em tiểu học các xã miền núi"},
    "programme": "HP256",
    "sense": "at_least",
    "sensitive": False,
    "target": "CT-SUA",
    "unit": "percent",
    "value": 90,
    "what": "Trẻ em tiểu học xã miền núi được uống sữa",
}
STATISTIC: dict[str, Any] = {
    "kind": "statistic_reported",
    "as_of": "2026-08-31",
    "denominator": 1_234,
    "numerator": 1_160,
    "reported_on": DAY,
    "source": "Sở Giáo dục và Đào tạo",
    "source_sha256": SHA,
    "target": "CT-SUA",
}
OLD = [
    {"commune": MINH_TAN, "name": "Minh Tân", "province": "31"},
    {"commune": LAI_XUAN, "name": "Lại Xuân", "province": "31"},
]
NEW = [
    {"commune": BACH_DANG, "name": "Bạch Đằng", "province": "31"},
    {"commune": LUU_KIEM, "name": "Lưu Kiếm", "province": "31"},
]


def tell(world: World) -> None:
    """Every kind of the family once at least, and the versions that follow on a first one."""
    activity = {"activity": "SUA", "general": "SUA", "name": "Sữa, sản phẩm từ sữa", "sensitive": False}
    world.say("activities_listed", activities=[activity])
    world.say("classes_listed", classes=[CLASS])
    changed = {**CLASS, "legal_basis": "Kế hoạch 215/KH-UBND", "valid_from": "2026-01-01"}
    world.say("classes_listed", classes=[changed])
    world.say(**PROGRAMME)
    world.say("communes_listed", programme="XA-MN", communes=OLD, listed_on="2021-01-01")
    world.say("communes_listed", programme="XA-MN", communes=NEW, listed_on="2025-07-01")
    flag = {"commune": LUU_KIEM, "decision": "Quyết định 12/QĐ-UBND", "flag": "mien-nui", "from_on": "2025-07-01"}
    world.say("commune_flagged", **flag)
    world.say("commune_flagged", **flag, to_on="2026-06-30", decision_sha256=SHA)
    mapped = {"commune": LAI_XUAN, "counted_in": LUU_KIEM, "decided_on": DAY, "decision_sha256": SHA}
    world.say("commune_mapped", **mapped)
    world.say("commune_mapped", **mapped, of_record=1)
    world.say(**PACKAGE)
    world.say(**{**PACKAGE, "unit_price": vnd(250_000), "valid_from": "2026-09-01"})
    world.say(**TARGET)
    world.say(**STATISTIC)
    world.say(**{**TARGET, "sensitive": True, "target": "CT-XH", "what": "Vụ việc được phát hiện được hỗ trợ kịp thời"})
    sealed = {name: value for name, value in STATISTIC.items() if name not in ("numerator", "denominator")}
    figures = {"private": {"numerator": "3", "denominator": "3"}}
    world.say(**{**sealed, "target": "CT-XH", "figures": figures})
