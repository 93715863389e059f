"""Each preset from ``init`` to a landed change, on the command line."""

from __future__ import annotations

import pytest

from gitsync.codec.presets import list_presets

NEW = {
    "plans": ("plan", "plans/", "draft", "committed"),
    "tasks": ("task", "tasks/task-", "To Do", "In Progress"),
    "adr": ("adr", "docs/adr/0001-use-git-for-plans.md", "proposed", "accepted"),
    "eips": ("eip", "EIPS/eip-1.md", "Draft", "Review"),
}


@pytest.fixture
def found(tmp_path, cli, make_key, clock):
    def make(preset: str):
        folder = tmp_path / preset
        folder.mkdir()
        key = str(make_key("alice"))
        ran = cli(folder, "init", "--name", "alice", "--key", key, "--preset", preset)
        assert ran.code == 0, ran.err
        assert f"gitsync new {NEW[preset][0]} " in ran.out
        return folder

    return make


@pytest.mark.parametrize("preset", list_presets())
def test_new_propose_witness_state(preset, found, cli, clock, document):
    kind, start, initial, after = NEW[preset]
    folder = found(preset)
    made = document(cli(folder, "new", kind, "Use git for plans", "--json").out, "new")
    assert made["path"].startswith(start)
    show = document(cli(folder, "show", made["id"], "--json").out, "show")
    assert (show["type"], show["status"]) == (kind, initial)
    assert show["title"] == "Use git for plans"
    for state in (None, after):
        if state is not None:
            ran = cli(folder, "state", made["id"], state)
            assert ran.code == 0, ran.err
        assert cli(folder, "propose").code == 0
        clock.tick()
        ran = cli(folder, "witness", "run")
        assert "accepted" in ran.out, ran.out + ran.err
    assert document(cli(folder, "show", made["id"], "--at", "common@3", "--json").out,
                    "show")["status"] == after  # fmt: skip
    assert cli(folder, "verify", "--full").code == 0
    # What editors complete by is part of the ledger.
    assert (folder / ".gitsync/schemas/artifact-schema.schema.json").exists()


def test_numbers_go_on_after_the_highest_here_and_in_common(found, cli, clock):
    folder = found("adr")
    cli(folder, "new", "adr", "One")
    cli(folder, "propose")
    clock.tick()
    cli(folder, "witness", "run")
    (folder / "docs/adr/0001-one.md").unlink()
    (folder / "docs/adr/0007-seven.md").write_text('---\nid: "0007"\nstatus: accepted\n---\n')
    assert cli(folder, "new", "adr", "Eight").out == "0008  docs/adr/0008-eight.md\n"
    text = (folder / "docs/adr/0008-eight.md").read_text()
    assert text.startswith('---\nid: "0008"\ntitle: Eight\nstatus: proposed\nauthor: alice\n---\n')
    (folder / "docs/adr/0007-seven.md").unlink()
    (folder / "docs/adr/0008-eight.md").unlink()
    assert cli(folder, "new", "adr", "Two").out.startswith("0002 ")


def test_an_eip_has_the_preamble_in_order(found, cli):
    folder = found("eips")
    cli(folder, "new", "eip", "Cheaper logs", "--set", "requires=7, 8")
    text = (folder / "EIPS/eip-1.md").read_text()
    head = text.split("---\n")[1]
    assert head == (
        "eip: 1\ntitle: Cheaper logs\nauthor: alice\nstatus: Draft\ntype: Standards Track\n"
        "category: Core\ncreated: 2026-01-01\nrequires: 7, 8\n"
    )


def test_a_task_is_written_as_backlog_md_writes_it(found, cli):
    folder = found("tasks")
    out = cli(folder, "new", "task", "Do it", "--set", "labels=ops, web",
              "--set", "dependencies=task-bbbbbb").out  # fmt: skip
    ident, path = out.split()
    text = (folder / path).read_text()
    assert text.split("---\n")[1] == (
        f"id: {ident}\ntitle: Do it\nstatus: To Do\nassignee: []\nlabels: [ops, web]\n"
        "dependencies: [task-bbbbbb]\n"
    )
