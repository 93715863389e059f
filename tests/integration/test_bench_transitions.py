"""``tests.bench.transitions`` at toy size: what it counts is what happened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fixtures.make_ledger import isolate
from tests.bench import transitions

EIP = "---\neip: {number}\ntitle: T\nauthor: a\nstatus: {status}\ntype: Meta\ncreated: 2026-01-01\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three proposals, then one commit a step."""
    folder = tmp_path / "eips"
    env = isolate(tmp_path / "author")
    (folder / "EIPS").mkdir(parents=True)

    def write(number: int, status: str, more: str = "", name: str | None = None) -> None:
        text = EIP.format(number=number, status=status) + f"---\n\n{more}\n"
        (folder / f"EIPS/eip-{name or number}.md").write_text(text)

    def commit(subject: str) -> None:
        identity = ["-c", "user.name=Ann Lee", "-c", "user.email=ann@example.org"]
        for args in (["add", "-A"], [*identity, "commit", "-qm", subject]):
            subprocess.run(["git", *args], cwd=folder, env=env, check=True)

    subprocess.run(["git", "init", "-q", "-b", "master"], cwd=folder, env=env, check=True)
    for number in (1, 2, 3):
        write(number, "Draft")
    commit("All of it")
    write(1, "Review")
    commit("free")
    write(1, "Last Call")
    write(2, "Final")
    commit("one with an editor, one refused")
    write(3, "Draft", "more")
    commit("it stays a draft")
    (folder / "EIPS/eip-3.md").unlink()
    write(3, "Draft", "more", name="0003")
    commit("it only moves")
    write(4, "Draft")
    (folder / "EIPS/eip-2.md").unlink()
    commit("one comes, one goes")
    (folder / "EIPS/eip-5.md").write_text("---\neip: [\n---\n")
    write(5, "Odd", name="6")
    commit("one cannot be read, one has no such state")
    (folder / "EIPS/eip-5.md").unlink()
    (folder / "EIPS/eip-6.md").unlink()
    commit("back")
    return folder


def test_transitions_are_counted_by_what_the_rules_say(source: Path, tmp_path: Path) -> None:
    tally = transitions.play(str(source), tmp_path / "out")
    assert (tally.edits, len(tally.unreadable)) == (7, 2)
    assert tally.free == {"Draft -> Review": 1, "Odd -> (removed)": 1}
    assert tally.guarded == {
        "Review -> Last Call": 1, "(new) -> Draft": 1, "Final -> (removed)": 1,
    }  # fmt: skip
    assert dict(tally.refused) == {
        ("Draft -> Final", "schema.transition"): ["2"],
        ("(new) -> Odd", "schema.state"): ["5"],
    }
    assert tally.staying == {"free": 2}
    assert tally.moves == 7
    assert (tally.last, tally.kept, tally.one_line) == (3, 3, 3)
    lines = list(transitions.tables(tally))
    assert "| Draft -> Final | 1 | `schema.transition` | 2 |" in lines
    assert "| Review -> Last Call | 1 | an editor |" in lines
    assert len(transitions.figures(tally)) == 10
