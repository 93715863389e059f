"""How much the index looks at for a question, in steps of SQLite's machine: no clock is asked."""

from __future__ import annotations

import sqlite3

import pytest

from gitsync.storage import artifactdb
from gitsync.storage.artifactview import View
from tests.integration.indexkit import VOCABULARY

TREE = 5


def steps(artifacts: int, ask) -> int:
    """What ``ask`` costs where that many artifacts lie in trees of five."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    artifactdb.create(db)
    for n in range(1, artifacts + 1):
        db.execute("INSERT INTO blob (no, oid, found, id) VALUES (?, ?, 1, ?)",
                   (n, n.to_bytes(20, "big"), f"plan-{n}"))  # fmt: skip
        db.execute("INSERT INTO member VALUES (1, ?, ?, 'plan')", (f"{n:06}.md".encode(), n))
        if n % TREE:
            db.execute("INSERT INTO link VALUES (?, ?, 'parent', 0)", (f"plan-{n - n % TREE}", n))
    view = View(db, 1, VOCABULARY, None)
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1

    db.set_progress_handler(tick, 10)
    ask(view)
    return count


def below(view):
    assert len(view.below("plan-50")) == TREE


def edges(view):
    assert view.edges()


@pytest.mark.parametrize(("ask", "growth"), [(below, 1.5), (edges, 15)])
def test_ten_times_the_artifacts_cost_what_the_answer_grows_by(ask, growth):
    few, many = steps(200, ask), steps(2000, ask)
    assert few > 0
    assert many <= few * growth
