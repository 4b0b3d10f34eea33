"""The layering tables of the design, held against every import of every module.

Without it the verifier would one day import the writer, and trust what it should check. msgspec counts as the
«one JSON encoder» of the log.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("ledger", "audit", "certificates", "api")

PURE = (
    "money days accounts registers places text refusals entries record replay "
    "tracing worth catalogue_data clocks regimes"
)
VERIFIER = (
    "findings verify sources saved fork consolidate "
    "checks_log checks_fold checks_keys checks_witness checks_complete checks_bundle checks_open"
)

# part → the modules in it; the first that fits counts. What is not named is the widest part of its package.
PARTS: dict[str, tuple[str, ...]] = {
    "log": ("ledger.log",),
    "pure": tuple(f"ledger.{name}" for name in PURE.split()),
    "web": ("ledger.deadline",),
    "statements": ("ledger.statements",),
    "store": ("ledger.store",),
    "vault": ("ledger.vault",),
    "book": ("ledger",),
    "standalone": ("audit.standalone",),
    "verifier": tuple(f"audit.{name}" for name in VERIFIER.split()),
    "audit": ("audit",),
    "certificates": ("certificates",),
    "api": ("api",),
}

_BELOW_BOOK = {"log", "pure", "web", "statements", "store", "vault"}
# part → the parts it may import, beside itself
MAY_IMPORT: dict[str, set[str]] = {
    "log": set(),
    "pure": {"log"},
    "web": set(),
    "statements": {"log", "pure"},
    "store": {"log", "pure"},
    "vault": {"log", "pure", "store"},
    "book": _BELOW_BOOK,
    "standalone": set(),
    "verifier": {"log", "pure", "web"},
    "audit": _BELOW_BOOK | {"book", "verifier"},
    "certificates": _BELOW_BOOK | {"book"},
    "api": _BELOW_BOOK | {"book", "verifier", "audit", "certificates"},
}

_BOOKS = {"sqlalchemy", "alembic", "cryptography", "msgspec"}
# part → the third-party packages it may import; the api's are only held to be declared.
THIRD_PARTY: dict[str, set[str]] = {
    "log": {"cryptography", "msgspec"},
    "pure": {"msgspec", "pydantic"},
    "web": set(),
    "statements": {"msgspec", "pydantic", "mt940", "pycamt", "python_calamine", "rapidfuzz"},
    "store": _BOOKS | {"pysqlite3"},
    "vault": _BOOKS,
    "book": _BOOKS,
    "standalone": {"cryptography"},
    "verifier": {"cryptography", "msgspec", "pydantic"},
    "audit": _BOOKS,
    "certificates": {"reportlab", "pikepdf", "pyhanko", "segno", "fontpkg_be_vietnam_pro"} | _BOOKS,
}


# module → what it alone of its part may import, and why: signatures of CMS, and their chains of certificates, are not
# written by hand.
ALONE: dict[str, set[str]] = {"ledger.timestamps": {"rfc3161_client"}, "audit.occasions": {"lunar_vn"}}


def modules() -> dict[str, Path]:
    found = {}
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@cache
def part_of(module: str) -> str:
    for part, names in PARTS.items():
        if any(module == name or module.startswith(name + ".") for name in names):
            return part
    raise AssertionError(f"{module} belongs to no part")


def imports(module: str, *, everywhere: bool = True) -> Iterator[str]:
    """The modules that a module names in its imports; also those inside functions unless told otherwise."""
    tree = ast.parse(MODULES[module].read_text(), str(MODULES[module]))
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base


def third_party(module: str) -> set[str]:
    tops = {name.partition(".")[0] for name in imports(module)}
    return tops - set(OURS) - set(sys.stdlib_module_names) - {"__future__"}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_run_downward_only(module: str) -> None:
    """A part names only the parts below it."""
    part = part_of(module)
    allowed = MAY_IMPORT[part] | {part}
    upward = {
        name
        for name in imports(module)
        if name.partition(".")[0] in OURS and name not in OURS and part_of(name) not in allowed
    }
    assert upward == set(), f"{module} is of «{part}»"


@pytest.mark.parametrize("module", sorted(name for name in MODULES if part_of(name) != "api"))
def test_third_party_imports_are_those_of_the_part(module: str) -> None:
    """Each library has one home; the more there are, the more a stranger must trust."""
    part = part_of(module)
    assert third_party(module) <= THIRD_PARTY[part] | ALONE.get(module, set()), f"{module} is of «{part}»"


def test_every_library_imported_is_declared() -> None:
    """What is imported but not declared works only where something else happens to install it."""
    declared = {
        re.split(r"[\[<>=!~; ]", requirement)[0].lower().replace("_", "-")
        for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    }
    distributions = packages_distributions()
    undeclared: dict[str, set[str]] = {}
    for module in MODULES:
        for top in third_party(module):
            names = {name.lower().replace("_", "-") for name in distributions.get(top, [top])}
            if not names & declared:
                undeclared.setdefault(top, set()).add(module)
    # starlette is what fastapi is made of and always comes with it, anyio with both.
    assert set(undeclared) - {"starlette", "anyio"} == set(), undeclared


def test_no_import_cycles() -> None:
    """A cycle is two files that are one, and an order of loading that somebody will break."""
    graph = {
        module: {
            name
            for name in imports(module, everywhere=False)
            if name in MODULES and name != module and not module.startswith(name + ".")
        }
        for module in MODULES
    }
    assert sum(map(len, graph.values())) > 100
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join([*path[path.index(module) :], module])
        if module in done:
            return
        for name in sorted(graph[module]):
            visit(name, (*path, module))
        done.add(module)

    for module in sorted(graph):
        visit(module, ())
    assert done == set(MODULES)


def test_the_pure_verifier_reaches_no_writer_through_anybody() -> None:
    """Also not through what it imports: the auditor's laptop needs no database library to check a log."""
    for start in sorted(name for name in MODULES if part_of(name) in ("verifier", "standalone")):
        reached: set[str] = set()
        waiting = [start]
        libraries: set[str] = set()
        while waiting:
            module = waiting.pop()
            if module in reached:
                continue
            reached.add(module)
            libraries |= third_party(module)
            waiting += [name for name in imports(module) if name in MODULES]
        assert {part_of(name) for name in reached} <= {"verifier", "standalone", "pure", "log", "web"}, start
        assert libraries <= {"cryptography", "msgspec", "pydantic"}, start
        if part_of(start) == "standalone":
            assert reached == {start}
            assert libraries <= {"cryptography"}


def test_only_the_store_speaks_sql() -> None:
    """All SQL of the book lives in one place, so that what a transaction does can be read there."""
    speaking = re.compile(r"\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM)\b .*\b(?:FROM|VALUES|SET|WHERE)\b")
    for module, path in MODULES.items():
        if part_of(module) in ("log", "pure", "statements", "vault", "book", "verifier"):
            strings = [
                node.value
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
            assert not [text for text in strings if speaking.search(text)], module
    assert any(speaking.search(p.read_text()) for m, p in MODULES.items() if part_of(m) == "store")
