"""R27: inspection: whoever may only read follows every figure down to its voucher."""

from tests.ledger.story3.aid import allocated, delivered, pay
from tests.requirements.conftest import Walk

BOOKS = ("journal", "general-ledger", "trial-balance", "cash-book", "bank-book", "advance-ledger", "fund-ledger")
USES = ("use", "use-by-activity", "use-by-commune", "public", "periodic")


def test_r27_every_figure_drills_to_a_voucher(walk: Walk) -> None:
    """A fund numbers its vouchers, receives, pays and delivers, and puts one entry right.
    An inspector asks the API only with GET: the list of reports, and each book and each report of use for the year.
    Every row and every total that has a figure names the records it is made of; asked for any of them, the answer is
    the vouchers with number, booking day, kind and who recorded them.
    Each voucher's record comes back as it was hashed: its leaf hash is the one the report gave.
    The sum of the movements behind a row is the row's figure.
    Nothing that the inspector asked changed the book.
    """
    series = [
        {"series": "BC", "kind": "bao-co", "moves": ["bank_in"], "typed": False},
        {"series": "BN", "kind": "bao-no", "moves": ["bank_out"], "typed": False},
        {"series": "PK", "kind": "phieu-ke-toan", "moves": ["other"], "typed": False},
    ]
    walk.say("vouchers_set", series=series, set_on=walk.today)
    walk.gift(2_000_000)
    wrong = walk.gift(90_000, fund="chung")
    walk.say(**{**allocated("pb-1", 800_000), "programme": "HP256"})
    pay(walk.world, "pb-1", "lc-1", 800_000)
    walk.say(**delivered("pb-1", "lc-1", 500_000))
    walk.sovang("reverse", str(wrong.index), "--why", "ghi nhầm")

    size = walk.get("/api/v1/entries")["size"]
    known = {one["kind"] for one in walk.get("/api/v1/reports")["reports"]}
    assert known.issuperset((*BOOKS, *USES))
    for kind in (*BOOKS, *USES):
        report = walk.get(f"/api/v1/reports/{kind}?year=2026")
        money = [column["name"] for column in report["columns"] if column["kind"] == "money"]
        for number, row in enumerate((*report["rows"], *report["totals"]), 1):
            if not any(row["cells"][name] for name in money):
                continue
            assert row["records"], (kind, row)
            drilled = walk.get(f"/api/v1/reports/{kind}?year=2026&drill={number}")["vouchers"]
            assert [one["index"] for one in drilled] == row["records"]
            for one in drilled:
                assert one["voucher"].split("/")[0] in ("BC", "BN", "PK"), (kind, one)
                assert one["by"] in ("ke-toan", "chu-tk")
    bank = walk.get("/api/v1/reports/trial-balance?year=2026")
    number, row = next((n, r) for n, r in enumerate(bank["rows"], 1) if r["cells"]["account"] == "1121")
    moved = 0
    for one in walk.get(f"/api/v1/reports/trial-balance?year=2026&drill={number}")["vouchers"]:
        answer = walk.client.get(f"/api/v1/entries/{one['index']}")
        assert answer.headers["Sovang-Leaf-Hash"] == one["leaf_hash"]
        for posting in answer.json()["postings"]:
            minor = posting["amount"]["minor"]
            moved += minor * ((posting["destination"] == "bank:VCB") - (posting["source"] == "bank:VCB"))
    assert moved == row["cells"]["closing_debit"] == 1_200_000
    assert walk.get("/api/v1/entries")["size"] == size
