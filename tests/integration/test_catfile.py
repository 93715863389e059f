"""Objects read through ``git cat-file``, by a git of today and by one before 2.36."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from contextlib import ExitStack

import pytest

from gitsync.codec.gitobjects import object_id
from gitsync.domain.errors import FormatError, VerificationError
from gitsync.domain.objects import Oid
from gitsync.storage import catfile, effects, objects
from gitsync.storage.catfile import CatFile
from gitsync.storage.repository import Repository
from tests.integration.peoplekit import git

OLD = """#!/bin/sh
for word; do
    if [ "$word" = --batch-command ]; then
        echo "error: unknown option \\`batch-command'" >&2
        exit 129
    fi
done
exec "{git}" "$@"
"""
TEXTS = (b"", b"a note\n", b"lines\n" * 20_000)


@pytest.fixture(params=["new git", "old git"])
def repo(request, tmp_path, monkeypatch):
    """A repository, and the number of git processes that reading both kinds takes."""
    here = tmp_path / "repo"
    here.mkdir()
    git(here, "init", "-q")
    if request.param == "old git":
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "git").write_text(OLD.format(git=shutil.which("git")))
        (folder / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return here, 1 if request.param == "new git" else 3


def put(here, text):
    done = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=here, input=text, capture_output=True,
        check=True,
    )  # fmt: skip
    return Oid(done.stdout.decode().strip())


def torn(here, oid):
    file = here / ".git/objects" / oid[:2] / oid[2:]
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def test_contents_and_sizes_are_read_by_as_few_processes_as_git_allows(repo):
    here, processes = repo
    oids = [put(here, text) for text in TEXTS]
    started = []

    def count(effect, act):
        started.append(effect)
        return act()

    with effects.observed(count), CatFile(here) as store:
        for _ in range(2):
            for oid, text in zip(oids, TEXTS, strict=True):
                assert store.header(oid) == ("blob", len(text))
                assert store.read(oid) == ("blob", text)
    assert len(started) == processes


@pytest.mark.parametrize("before", [True, False])
def test_what_is_missing_or_torn_is_named_and_the_next_is_read(repo, before):
    here, _ = repo
    whole, bad = put(here, b"whole\n"), put(here, random.Random(1).randbytes(9000))  # noqa: S311
    torn(here, bad)
    absent = Oid(object_id("blob", b"absent\n"))
    with CatFile(here) as store:
        if before:
            assert store.read(whole) == ("blob", b"whole\n")
        with pytest.raises(VerificationError) as error:
            store.read(bad)
        assert error.value.code == "object.damaged"
        for ask in (store.read, store.header):
            with pytest.raises(VerificationError) as error:
                ask(absent)
            assert error.value.code == "object.missing"
        assert not store.has(absent)
        assert store.has(whole)
        assert store.read(whole) == ("blob", b"whole\n")


def test_what_is_too_large_is_measured_and_not_read(repo, monkeypatch):
    here, _ = repo
    monkeypatch.setattr(catfile, "MAX_OBJECT_BYTES", 1000)
    small, large = put(here, b"small\n"), put(here, TEXTS[2])
    with CatFile(here) as store:
        assert store.header(large) == ("blob", len(TEXTS[2]))
        with pytest.raises(FormatError) as error:
            store.read(large)
        assert error.value.code == "object.too-large"
        assert store.read(small) == ("blob", b"small\n")


def packed(here, *texts):
    """Objects of these texts, in one pack and nowhere else."""
    made = [put(here, text) for text in texts]
    names = "".join(f"{oid}\n" for oid in made)
    where = here / ".git/objects/pack/pack"
    subprocess.run(["git", "pack-objects", "-q", where], cwd=here, input=names, text=True,
                   capture_output=True, check=True)  # fmt: skip
    git(here, "prune-packed")
    return made


def test_a_handful_is_read_by_git_and_many_by_libgit2(repo, monkeypatch):
    here, _ = repo
    monkeypatch.setattr(objects, "_FEW", 3)
    texts = [b"text %d\n" % number for number in range(6)]
    made = packed(here, *texts)
    repository = Repository.open(here)
    store = repository.store
    with repository.few_objects():
        assert [store.read(oid)[1] for oid in made[:2]] == texts[:2]
        assert store.has(made[2])
        assert "_packs" not in vars(store)
        assert [store.read(oid)[1] for oid in made] == texts
        assert "_packs" in vars(store)
    assert [store.read(oid)[1] for oid in made] == texts


def test_the_process_ends_when_libgit2_takes_over(repo, monkeypatch):
    here, _ = repo
    monkeypatch.setattr(objects, "_FEW", 1)
    one, other = packed(here, b"one\n", b"other\n")
    store = Repository.open(here).store
    with CatFile(here) as asked, store.asking(asked):
        store.read(one)
        assert vars(asked)["_children"]
        store.read(other)
        assert not vars(asked)["_children"]
        assert store.read(one) == ("blob", b"one\n")


def test_a_block_in_a_block_changes_nothing(repo):
    here, _ = repo
    made = packed(here, b"one\n", b"two\n", b"three\n")
    repository = Repository.open(here)
    with repository.few_objects():
        repository.store.read(made[0])
        with repository.few_objects():
            repository.store.read(made[1])
        repository.store.read(made[2])
        assert "_packs" not in vars(repository.store)
    repository.store.read(made[0])
    assert "_packs" in vars(repository.store)


def test_libgit2_is_spared_until_what_was_opened_is_closed(repo):
    here, _ = repo
    (made,) = packed(here, b"one\n")
    repository = Repository.open(here)
    with ExitStack() as closing:
        repository.spare_libgit2(closing)
        assert repository.store.read(made) == ("blob", b"one\n")
        assert "_packs" not in vars(repository.store)
    assert repository.store.read(made) == ("blob", b"one\n")
    assert "_packs" in vars(repository.store)


def test_what_git_cannot_give_libgit2_is_asked_for(repo):
    here, _ = repo
    (whole,) = packed(here, b"whole\n")
    loose = put(here, b"torn\n" * 50)
    torn(here, loose)
    store = Repository.open(here).store
    repository = Repository.open(here)
    with repository.few_objects():
        for asked in (repository.store, store):  # with git's help and without: the same answers
            assert not asked.has(loose)
            with pytest.raises(VerificationError) as error:
                asked.read(loose)
            assert error.value.code == "object.damaged"
            assert not asked.has(Oid("1" * 40))
            assert asked.read(whole) == ("blob", b"whole\n")
            assert asked.header(whole) == ("blob", 6)


def test_what_git_gives_is_held_against_its_id(tmp_path, monkeypatch):
    here = tmp_path / "repo"
    here.mkdir()
    git(here, "init", "-q")
    one, other = packed(here, b"one\n", b"other\n")
    # The user's own git may have been told to show another object in the place of one.
    git(here, "replace", one, other)
    repository = Repository.open(here)
    with repository.few_objects():
        assert repository.store.read(one) == ("blob", b"one\n")


@pytest.mark.parametrize(
    "answer", ["blob many\\n", "blob -7\\n", "blob 1", "\\377 4\\n", "blob 4\\n", "thing 4\\n"]
)
def test_a_git_that_answers_nonsense_is_not_believed(tmp_path, monkeypatch, answer):
    here = tmp_path / "repo"
    here.mkdir()
    git(here, "init", "-q")
    (one,) = packed(here, b"one\n")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(
        f'#!/bin/sh\n[ $1 = cat-file ] || exec {shutil.which("git")} "$@"\n'
        f"read line\nprintf '{one} {answer}'\n"
    )
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    with CatFile(here) as store, pytest.raises(VerificationError) as error:
        store.read(one)
    assert error.value.code == "object.damaged"
    repository = Repository.open(here)
    with repository.few_objects():
        assert repository.store.read(one) == ("blob", b"one\n")
