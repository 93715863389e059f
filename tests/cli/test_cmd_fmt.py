"""``gitsync fmt``."""

from __future__ import annotations

import pytest

from gitsync.storage import effects

ODD = (
    "---\nstatus:  draft\ntype: plan\ntitle: 'T'\nowner: james\n{more}"
    "# whose\nid: {id}\n---\n\n# T  \r\n---\n"
)
FORM = (
    "---\n# whose\nid: {id}\ntype: plan\ntitle: T\nstatus: draft\nowner: james\n{more}"
    "---\n\n# T  \r\n---\n"
)


@pytest.fixture
def write(ledger):
    def make(path: str, ident: str, more: str = "", form: str = ODD):
        file = ledger.folder("james") / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(form.format(id=ident, more=more).encode())
        return file

    return make


def changed(ran, document):
    return document(ran.out, "fmt")["changed"]


def test_a_file_is_put_in_form_once(ledger, write, document):
    file = write("plans/a.md", "plan-bbbbbb")
    ran = ledger.cli("james", "fmt", "plans", "--check", "--json")
    assert (ran.code, changed(ran, document)) == (1, ["plans/a.md"])
    assert file.read_bytes() == ODD.format(id="plan-bbbbbb", more="").encode()
    ran = ledger.cli("james", "fmt", "plan-bb", "--json")
    assert (ran.code, changed(ran, document)) == (0, ["plans/a.md"])
    assert file.read_bytes() == FORM.format(id="plan-bbbbbb", more="").encode()
    for check in ((), ("--check",)):
        ran = ledger.cli("james", "fmt", ".", *check, "--json")
        assert (ran.code, changed(ran, document)) == (0, [])
    assert ledger.cli("james", "fmt", ".").out == "1 artifact, 0 written\n"


@pytest.mark.parametrize(
    ("subject", "files"),
    [
        ("tree:plan-bbbbbb", ["plans/a.md", "plans/b.md", "stories/c.md"]),
        ("tree:plan-cc", ["plans/b.md", "stories/c.md"]),
        ("ids:plan-bbbbbb, plan-dd", ["plans/a.md", "stories/c.md"]),
        ("path:stories/*.md", ["stories/c.md"]),
        ("stories/c.md", ["stories/c.md"]),
        ("plan-ffffff", ["plans/d.md"]),
        (".", ["plans/a.md", "plans/b.md", "plans/d.md", "stories/c.md"]),
    ],
)
def test_subjects(subject, files, ledger, write, document):
    write("plans/a.md", "plan-bbbbbb")
    write("plans/b.md", "plan-cccccc", "parent: plan-bbbbbb\n")
    write("stories/c.md", "plan-dddddd", "parent: plan-cccccc\n")
    write("plans/d.md", "plan-ffffff")
    ran = ledger.cli("james", "fmt", subject, "--check", "--json")
    assert changed(ran, document) == files


def test_what_names_nothing(ledger, write):
    write("plans/a.md", "plan-bbbbbb")
    for args, code, said in (
        ((), 2, "name what to put in form"),
        (("plan-zz",), 2, "no artifact's id begins with 'plan-zz'"),
        (("gone/x.md",), 3, "there is no file or folder gone/x.md"),
    ):
        ran = ledger.cli("james", "fmt", *args)
        assert (ran.code, said in ran.err, "\nhint:  " in ran.err) == (code, True, True)


def test_a_broken_file_is_named_and_the_others_are_written(ledger, write, document):
    broken = write("plans/a.md", "plan-bbbbbb", "title: twice\n")
    before = broken.read_bytes()
    write("plans/b.md", "plan-cccccc")
    plain = ledger.write("james", "plans/README.md", "---\nlayout:  page\n---\n")
    note = ledger.write("james", "notes/x.md", "---\nlayout:  page\n---\n")
    ran = ledger.cli("james", "fmt", ".", "--json")
    found = document(ran.out, "fmt")
    assert ran.code == 1
    # A file in a folder of plans is one; a page elsewhere, without an id, is not ours.
    assert found["changed"] == ["plans/README.md", "plans/b.md"]
    assert [(one["code"], one["file"]) for one in found["refused"]] == [
        ("frontmatter.duplicate-field", "plans/a.md")
    ]
    assert broken.read_bytes() == before
    assert plain.read_text() == "---\nlayout: page\n---\n"
    assert note.read_text() == "---\nlayout:  page\n---\n"


def test_nothing_is_written_when_one_of_the_files_cannot_be(ledger, write):
    one, two = write("plans/a.md", "plan-bbbbbb"), write("plans/b.md", "plan-cccccc")
    before = one.read_bytes(), two.read_bytes()
    calls = []

    def full(effect, act):
        calls.extend([effect] if effect.kind == "create" else [])
        if effect.kind == "create" and len(calls) == 2:
            raise OSError(28, "No space left on device")
        return act()

    with effects.observed(full):
        ran = ledger.cli("james", "fmt", ".")
    assert (ran.code, "there is no space left" in ran.err) == (3, True)
    assert (one.read_bytes(), two.read_bytes()) == before
    assert sorted(path.name for path in one.parent.iterdir()) == ["a.md", "b.md"]


def test_an_edit_meanwhile_is_not_overwritten(ledger, write):
    one, two = write("plans/a.md", "plan-bbbbbb"), write("plans/b.md", "plan-cccccc")
    first = one.read_bytes()

    def edit(effect, act):
        if effect.kind == "sync":
            two.write_text("edited")
        return act()

    with effects.observed(edit):
        ran = ledger.cli("james", "fmt", ".")
    assert (ran.code, "was changed meanwhile" in ran.err) == (1, True)
    assert (one.read_bytes(), two.read_text()) == (first, "edited")
