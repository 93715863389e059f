"""Reference pages agree with the source: what is generated is fresh, what is written by hand is
complete."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gitsync.codec import policyfile, records, schemafile
from gitsync.codec import yamltext_shapes as shapes
from gitsync.domain.errors import Kind
from gitsync.domain.policy import CI_PATHS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *DOCS.rglob("*.md"))
    if page != DOCS / "benchmarks.md"  # written by the benchmarks
)
WIDTH = 80


def read(name: str) -> str:
    return (REFERENCE / name).read_text("utf-8")


def codes_in(text: str) -> set[str]:
    return set(re.findall(r"`([a-z]+\.[a-z][a-z-]*[a-z])`", text))


@pytest.mark.parametrize(
    "script", ["make_errors.py", "make_examples.py", "make_commands.py", "make_json.py"]
)
def test_generated_pages_are_fresh(script: str) -> None:
    done = subprocess.run(
        [sys.executable, str(REFERENCE / script), "--check"],
        capture_output=True, text=True, check=False, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def known_codes() -> set[str]:
    return set(re.findall(r"^\| `([^`]+)` \|", read("errors.md"), re.MULTILINE))


def test_every_rule_of_the_receipts_page_exists() -> None:
    table = "\n".join(line for line in read("receipts.md").splitlines() if line.startswith("| `"))
    rules = codes_in(table) - codes_in("`receipts.rolled-back`")
    assert len(rules) > 40
    assert rules <= known_codes()


def raised_in(folder: Path, names: set[str]) -> set[str]:
    """First texts of calls to ``names`` in the modules of a folder, or in one module."""
    found = set()
    files = [folder] if folder.is_file() else folder.glob("*.py")
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in names:
                found |= {
                    arg.value
                    for arg in node.args
                    if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
                    and re.fullmatch(r"[a-z]+\.[a-z-]+", arg.value)
                }  # fmt: skip
    return found


def test_the_receipts_page_has_every_rule_that_the_judge_gives() -> None:
    names = {"RefusedError", "Refusal", "Waiting", "Subsumed"}
    given = raised_in(ROOT / "gitsync/domain/ledger", names)
    given |= raised_in(ROOT / "gitsync/services/deciding.py", names)
    assert len(given) > 20
    missing = given - codes_in(read("receipts.md"))
    assert not missing


def test_the_snapshot_page_has_every_trailer() -> None:
    page = read("snapshot.md")
    trailers = {
        value
        for name, value in vars(records).items()
        if name.isupper() and isinstance(value, str) and re.fullmatch(r"[A-Z][A-Za-z-]+", value)
    }
    assert len(trailers) > 12
    assert not {one for one in trailers if f"`{one}`" not in page}


def test_the_policy_page_lists_the_denied_paths() -> None:
    block = re.search(r"```\n(\.github/workflows.*?)```", read("policy.md"), re.DOTALL)
    assert block is not None
    assert tuple(block[1].split()) == CI_PATHS


@pytest.mark.parametrize(
    ("page", "shape"),
    [
        ("policy.md", shapes.PolicyShape),
        ("policy.md", shapes.RoleShape),
        ("policy.md", shapes.RuleShape),
        ("policy.md", shapes.LimitsShape),
        ("schema.md", shapes.SchemaShape),
        ("schema.md", shapes.TypeShape),
        ("schema.md", shapes.MoveShape),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_every_key_is_documented(page: str, shape: type) -> None:
    rows = set(re.findall(r"^\| `([a-z-]+)` \|", read(page), re.MULTILINE))
    assert set(shape.__struct_encode_fields__) <= rows


def test_the_transitions_of_the_schema_page_are_read() -> None:
    example = re.search(r"```yaml\n(transitions:.*?)```", read("schema.md"), re.DOTALL)
    assert example is not None
    indented = "".join(f"    {line}\n" for line in example[1].splitlines())
    text = (
        "version: 1\ntype: type\ntypes:\n  plan:\n    prefix: plan\n"
        f"    states: [draft, committed, approved, withdrawn]\n{indented}"
    )
    kind = schemafile.parse(text.encode()).types["plan"]
    assert kind.move("committed", "approved").role == "approver"
    assert kind.move("approved", "withdrawn") is not None


def test_the_limits_of_the_policy_page_are_the_defaults() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \| [^|]+ \| `(\d+ ?\w*)` \|$", read("policy.md"), re.MULTILINE
    )
    limits = "".join(f"  {name}: {value}\n" for name, value in rows)
    assert len(rows) == 7
    head = "version: 1\nspace: common\nhome: .\nmerge: 1\nroles:\n"
    roles = "  root: {people: [alice]}\n  witness: {people: [alice]}\n"
    plain = policyfile.parse((head + roles).encode())
    assert policyfile.parse(f"{head}{roles}limits:\n{limits}".encode()) == plain


def test_the_exit_codes_page_lists_all() -> None:
    rows = set(re.findall(r"^\| (\d+) \|", read("exit-codes.md"), re.MULTILINE))
    assert rows == {"0", *(str(int(kind)) for kind in Kind)}


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" in target or target.endswith("benchmarks.md"):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), f"{page.name} links to {target}"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_prose_fits_a_terminal(page: Path) -> None:
    prose = re.sub(r"```.*?```|<!--.*?-->", "", page.read_text("utf-8"), flags=re.DOTALL)
    long = [
        line for line in prose.splitlines()
        if len(line) > WIDTH and not line.startswith("|") and " " in line.strip()
    ]  # fmt: skip
    assert not long


def test_every_decision_is_listed() -> None:
    adr = DOCS / "adr"
    listed = set(re.findall(r"\(([^)]+\.md)\)", (adr / "README.md").read_text("utf-8")))
    there = {path.name for path in adr.glob("0*.md")}
    assert there == {name for name in listed if name.startswith("0")}
    numbers = sorted(int(name[:4]) for name in there)
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_modules_that_are_named_exist(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for name in re.findall(r"`((?:gitsync/|docs/|tests/)?[a-z_]+(?:/[a-z_]+)*\.py)`", prose):
        places = (ROOT, ROOT / "gitsync", ROOT / "gitsync/domain/ledger", ROOT / "gitsync/domain")
        assert any((place / name).exists() for place in places), f"{page.name} names {name}"
