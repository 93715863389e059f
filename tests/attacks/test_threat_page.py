"""The threat model's page, the tests of the attacks and the table of mutations say the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.attacks.mutants import without
from tests.attacks.mutations import BY_TEST, MUTATIONS

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "threats.md"
_ROW = re.compile(r"^\| (?P<attack>.+?) \| (?P<holds>.+) \| `(?P<test>test_\w+)` \|$")


def rows() -> list[dict[str, str]]:
    """The lines of the page's tables that name a test."""
    found = (_ROW.match(line) for line in PAGE.read_text().splitlines())
    return [match.groupdict() for match in found if match]


def attacks() -> dict[str, ast.FunctionDef]:
    """Every test of this folder by its name."""
    found: dict[str, ast.FunctionDef] = {}
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert node.name not in found, f"two tests are called {node.name}"
                found[node.name] = node
    return found


def test_every_threat_has_a_test_that_says_what_must_hold():
    there, named = attacks(), [row["test"] for row in rows()]
    assert len(named) == len(set(named))
    assert not set(named) - there.keys()
    assert not [name for name in named if not ast.get_docstring(there[name])]


def test_every_threat_s_test_is_run_without_its_defence():
    assert {row["test"] for row in rows()} == BY_TEST.keys()


def test_every_line_of_the_held_tables_names_a_test():
    text = PAGE.read_text()
    held = text.partition("\n## Held now\n")[2].partition("\n## ")[0]
    lines = [line for line in held.splitlines() if line.startswith("| ")]
    assert len(lines) == len(rows()) + held.count("| attack |")


def test_every_mutation_finds_its_place_and_is_undone():
    from gitsync.domain.ledger import entrance

    before = entrance.check_signatures.__code__
    for mutation in MUTATIONS:
        with without(mutation):
            pass
    assert entrance.check_signatures.__code__ is before
    assert len(set(MUTATIONS)) == len(MUTATIONS)
