"""A kind of entry costs one class, its name in the union, and one golden record: then every door knows it.

Without this a new kind would need its own route, form and audit, and would one day lack one of them.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

CLASS = '''

class TreePlanted(EntryBase, frozen=True, kw_only=True):
    """A tree was planted by a school."""

    title: ClassVar = ("Trồng cây", "Tree planted")
    day_field: ClassVar = "planted_on"

    fund: Code
    planted_on: date
    what: Title

    def reads(self) -> tuple[Key, ...]:
        return (Key("fund", self.fund), Key("tree", self.what))

    def changes(self, view: View) -> tuple[Change, ...]:
        needed(view, "fund", self.fund, Reason.NO_SUCH_FUND, field="fund")
        return (Change("tree", self.what, {"index": view.index}),)
'''
FUND = {
    "kind": "fund_opened",
    "fund": "chung",
    "name": "Nguồn chung",
    "source": "gift",
    "restriction": {"activities": [], "classes": [], "communes": []},
    "places": [],
}
DOORS = """
import json, sys
from pathlib import Path
from starlette.testclient import TestClient
from api.app import create_app
from ledger.home import Home
from ledger.record import decode, encode
home = Home(Path(sys.argv[1]))
with TestClient(create_app(home), base_url="http://127.0.0.1:8000") as client:
    entry = {"kind": "tree_planted", "fund": "chung", "planted_on": "2026-02-03", "what": "cây bàng"}
    answer = client.post("/api/v1/entries", json={"entry": entry})
    schema = json.dumps(client.get("/api/v1/openapi.json").json())
    body = client.get(f"/api/v1/entries/{answer.json()['recorded'][0]['index']}").content
    kinds = json.dumps(client.get("/api/v1/kinds").json())
golden = Path("tests/golden/records/tree_planted.json")
golden.write_bytes(body)
print(json.dumps({
    "api": answer.status_code,
    "schema": "planted_on" in schema,
    "kinds": "tree_planted" in kinds,
    "golden": encode(decode(golden.read_bytes())) == body,
}))
"""


def test_a_new_kind_is_one_class_one_name_and_one_golden_record(tmp_path: Path) -> None:
    """The program with two edits more: the command line, the API, the audit and the search know the kind."""
    tree = tmp_path / "program"
    tree.mkdir()
    for package in ("ledger", "audit", "api", "certificates"):
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "tests/golden/records").mkdir(parents=True)
    family = tree / "ledger/entries/costs.py"
    shared = "from ledger.entries.base import MoneyFact,"
    assert shared in family.read_text()
    written = family.read_text().replace(shared, "from ledger.entries.base import EntryBase, MoneyFact,")
    family.write_text(written + CLASS)
    union = tree / "ledger/entries/union.py"
    named = "from ledger.entries.costs import ManagementSpent"
    text = union.read_text().replace(named, f"{named}, TreePlanted")
    union.write_text(text.replace("    | ManagementSpent\n", "    | ManagementSpent\n    | TreePlanted\n"))
    home = tmp_path / "home"
    sovang(tree, home, "init", "--book", "hp", "--name", "Quỹ")
    (tmp_path / "fund.jsonl").write_text(json.dumps(FUND) + "\n")
    sovang(tree, home, "record", str(tmp_path / "fund.jsonl"))
    fields = sovang(tree, home, "new", "tree_planted")
    assert {"--fund", "--planted_on", "--what"} <= set(fields["fields"]), fields
    planted = sovang(
        tree, home, "new", "tree_planted", "--fund", "chung", "--planted_on", "2026-02-01", "--what", "cây phượng"
    )
    refused = sovang(
        tree, home, "new", "tree_planted", "--fund", "khong", "--planted_on", "2026-02-01", "--what", "x", code=1
    )
    assert refused["reason"] == "NO_SUCH_FUND"
    hits = sovang(tree, home, "search", "cay phuong")
    assert planted["index"] in [hit["index"] for hit in hits["hits"]]
    doors = json.loads(run(tree, "-c", DOORS, str(home)).stdout)
    assert doors == {"api": 201, "schema": True, "kinds": True, "golden": True}
    sovang(tree, home, "checkpoint")
    assert sovang(tree, home, "verify", "--database")["ok"]


def sovang(tree: Path, home: Path, *words: str, code: int = 0) -> dict[str, Any]:
    done = run(tree, "-c", "from api.cli import main; main()", *words, "--home", str(home), "--json", check=False)
    assert done.returncode == code, done.stderr
    document: dict[str, Any] = json.loads(done.stdout if done.stdout.strip() else done.stderr)
    return document


def run(tree: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *words], cwd=tree, env=environment, capture_output=True, text=True, check=check, timeout=120
    )
