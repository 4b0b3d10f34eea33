"""A kind of entry costs one class, its name in the union, and one golden record: then every door knows it.

Without this a new kind would need its own route, form and audit, and would one day lack one of them.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

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
from typer.testing import CliRunner
import ledger
from api.app import create_app
from api.cli import build
from ledger.home import Home
from ledger.record import decode, encode

path, fund = sys.argv[1:]

def sovang(*words):
    done = CliRunner().invoke(build(), [*words, "--home", path, "--json"])
    return json.loads(done.stdout if done.stdout.strip() else done.stderr)

def plant(fund, what):
    return sovang("new", "tree_planted", "--fund", fund, "--planted_on", "2026-02-01", "--what", what)

sovang("init", "--book", "hp", "--name", "Quỹ")
Path("fund.jsonl").write_text(fund)
sovang("record", "fund.jsonl")
said = {
    "program": str(Path(ledger.__file__).parents[1]),
    "fields": sovang("new", "tree_planted")["fields"],
    "planted": plant("chung", "cây phượng")["index"],
    "refused": plant("khong", "x")["reason"],
    "hits": [hit["index"] for hit in sovang("search", "cay phuong")["hits"]],
}
with TestClient(create_app(Home(Path(path))), base_url="http://127.0.0.1:8000") as client:
    entry = {"kind": "tree_planted", "fund": "chung", "planted_on": "2026-02-03", "what": "cây bàng"}
    answer = client.post("/api/v1/entries", json={"entry": entry})
    said["api"] = answer.status_code
    said["schema"] = "planted_on" in json.dumps(client.get("/api/v1/openapi.json").json())
    said["kinds"] = "tree_planted" in json.dumps(client.get("/api/v1/kinds").json())
    body = client.get(f"/api/v1/entries/{answer.json()['recorded'][0]['index']}").content
golden = Path("tests/golden/records/tree_planted.json")
golden.write_bytes(body)
said["golden"] = encode(decode(golden.read_bytes())) == body
sovang("checkpoint")
said["whole"] = sovang("verify", "--database")["ok"]
print(json.dumps(said))
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
    done = subprocess.run(
        [sys.executable, "-c", DOORS, str(tmp_path / "home"), json.dumps(FUND)],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["program"] == str(tree)
    assert {"--fund", "--planted_on", "--what"} <= set(said["fields"])
    assert said["refused"] == "NO_SUCH_FUND"
    assert said["planted"] in said["hits"]
    assert {name: said[name] for name in ("api", "schema", "kinds", "golden", "whole")} == {
        "api": 201,
        "schema": True,
        "kinds": True,
        "golden": True,
        "whole": True,
    }
