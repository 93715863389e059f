"""``gitsync bundle``, and the commands that take a stick."""

from __future__ import annotations

import re

import pytest

from tests.integration.carrykit import stock


def made(meeting, *more):
    ran = meeting.cli("alice", "bundle", "create", "../stick", *more)
    assert ran.code == 0, ran.err
    return ran.out.splitlines()[0]


def test_create_says_what_was_written(meeting, document):
    ran = meeting.cli("alice", "bundle", "create", "../stick", "--for", "james")
    assert ran.code == 0
    first, *rest = ran.out.splitlines()
    assert first.endswith(".bundle")
    assert "  bundle  2, to james, complete" in rest
    assert all(len(line) <= 80 or line == first for line in ran.out.splitlines())
    found = document(
        meeting.cli("alice", "bundle", "create", "../stick", "--json").out, "bundle-create"
    )
    assert (found["written"], found["from"], found["to"]) == (True, "alice", None)
    assert found["files"] == [found["path"]]


def test_an_empty_increment_is_a_success_that_says_so(meeting, document):
    meeting.take("alice", meeting.bundle("james", "alice"))
    args = ("bundle", "create", "../stick", "--for", "james")
    meeting.write_for("alice", "james")
    ran = meeting.cli("alice", *args)
    assert (ran.code, ran.out) == (0, "nothing new for james: no bundle was written\n")
    found = document(meeting.cli("alice", *args, "--json").out, "bundle-create")
    assert (found["written"], found["path"], found["refs"]) == (False, None, [])


def test_inspect_tells_the_good_from_the_bad(meeting, document):
    path = made(meeting, "--for", "james")
    (meeting.stick / "bad.bundle").write_bytes(b"# v2 git bundle\nnothing\n\n")
    ran = meeting.cli("james", "bundle", "inspect", "../stick")
    assert ran.code == 1
    assert "  to         james, which is you" in ran.out
    assert "(bundle.header)" in ran.out
    assert all(len(line) <= 80 for line in ran.out.splitlines())
    found = document(
        meeting.cli("james", "bundle", "inspect", path, "--json").out, "bundle-inspect"
    )
    (one,) = found["bundles"]
    assert (one["for-me"], one["missing"], one["problem"]) == (True, [], None)
    outside = meeting.cli("alice", "-C", "..", "bundle", "inspect", path, "--json")
    (one,) = document(outside.out, "bundle-inspect")["bundles"]
    assert (one["for-me"], one["missing"]) == (None, None)


def test_verify_works_where_there_is_no_clone(meeting, document):
    path = made(meeting)
    ran = meeting.cli("alice", "-C", "..", "bundle", "verify", path, "--anchor", meeting.anchor)
    assert ran.code == 0, ran.err
    assert "good, bundle 2 from alice to anybody" in ran.out
    found = document(meeting.cli("james", "bundle", "verify", path, "--json").out, "bundle-verify")
    assert found["bundles"][0]["says"]["ledger"] == meeting.anchor
    ran = meeting.cli("james", "bundle", "verify", path, "--anchor", "1" * 40)
    assert (ran.code, "another ledger" in ran.err) == (1, True)


def test_import_shows_what_came(meeting, document):
    meeting.land("notes/a.md")
    path = made(meeting)
    ran = meeting.cli("james", "bundle", "import", path, "--dry-run")
    assert (ran.code, meeting.number("james")) == (0, 1)
    assert ran.out.startswith("would be imported bundle 2 from alice to anybody")
    ran = meeting.cli("james", "bundle", "import", path)
    assert ran.out.splitlines()[0] == (
        "imported bundle 2 from alice to anybody, common@1 -> common@2"
    )
    found = document(meeting.cli("james", "bundle", "import", path, "--json").out, "bundle-import")
    assert [one["outcome"] for one in found["bundles"]] == ["nothing-new"]


def test_a_bad_one_in_a_folder_does_not_hold_up_the_good(meeting, document):
    meeting.land("notes/a.md")
    made(meeting)
    (meeting.stick / "bad.bundle").write_bytes(b"# v2 git bundle\n")
    ran = meeting.cli("james", "bundle", "import", "../stick", "--json")
    assert ran.code == 1
    found = document(ran.out, "bundle-import")
    assert [one["code"] for one in found["refused"]] == ["bundle.header"]
    assert meeting.number("james") == 2
    ran = meeting.cli("james", "bundle", "import", "../stick/bad.bundle")
    assert (ran.code, ran.out) == (1, "")


def test_sync_and_the_witness_at_a_stick(meeting, document):
    meeting.propose("james", "notes/j.md", "J\n", "j")
    ran = meeting.cli("james", "bundle", "sync", "../stick")
    assert (ran.code, "wrote james-alice-" in ran.out) == (0, True)
    ran = meeting.cli("alice", "witness", "run", "--stick", "../stick", "--json")
    found = document(ran.out, "witness-stick")
    assert [one["outcome"] for one in found["run"]["receipts"]] == ["accepted"]
    assert "imported" in [one["outcome"] for one in found["stick"]["bundles"]]
    found = document(
        meeting.cli("james", "bundle", "sync", "../stick", "--json").out, "bundle-sync"
    )
    assert {one["after"] for one in found["bundles"]} == {"common@2"}
    ran = meeting.cli("carol", "bundle", "sync", "../stick")
    assert "common@1 -> common@2" in ran.out


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("bundle", "create", "../stick", "--split", "12"), 2),
        (("bundle", "create", "../stick", "--encrypt"), 2),
        (("bundle", "create", "../nowhere/x.bundle"), 3),
        (("bundle", "create", "../stick", "--for", "Nobody!"), 2),
        (("bundle", "import", "../nowhere"), 3),
        (("bundle", "inspect", "../stick"), 3),
        (("bundle", "verify", "../stick", "--anchor", "x"), 2),
        (("witness", "run", "--stick", "../stick", "--watch"), 2),
    ],
)
def test_what_is_asked_for_wrongly(meeting, args, code):
    ran = meeting.cli("alice", *args)
    assert (ran.code, ran.out) == (code, "")


def test_volumes_are_put_together_again(meeting, document):
    meeting.land("notes/a.md", "".join(f"{n * 7919 % 1000003}\n" for n in range(4000)))
    ran = meeting.cli("alice", "bundle", "create", "../stick", "--split", "4K", "--json")
    found = document(ran.out, "bundle-create")
    assert len(found["files"]) > 3
    assert found["path"].endswith(".bundle.volumes")
    first, second = found["files"][:2]
    (last,) = [one for one in found["files"] if one.endswith(".003")]
    data = (meeting.stick / last).read_bytes()
    (meeting.stick / last).unlink()
    ran = meeting.cli("james", "bundle", "import", found["path"])
    assert (ran.code, ".003 is missing" in ran.err) == (1, True)
    (meeting.stick / last).write_bytes(data[:-1] + b"x")
    ran = meeting.cli("james", "bundle", "import", second)
    assert (ran.code, "of another bundle" in ran.err.replace("\n", " ")) == (1, True)
    (meeting.stick / last).write_bytes(data)
    assert meeting.cli("james", "bundle", "import", first).code == 0
    assert meeting.number("james") == 2


def test_an_encrypted_bundle_opens_for_its_recipient_alone(meeting, tmp_path):
    import shutil
    import subprocess

    meeting.land("notes/a.md", "A secret\n")
    path = made(meeting, "--for", "james", "--encrypt")
    data = (meeting.stick / path).read_bytes()
    assert data.startswith(b"age-encryption.org/v1\n")
    for word in (b"james", b"alice", b"refs/", b"PACK"):
        assert word not in data
        assert word not in path.rpartition("/")[2].encode()
    ran = meeting.cli("carol", "bundle", "import", path)
    assert (ran.code, "encrypted for somebody else" in ran.err) == (1, True)
    (meeting.stick / "altered.age").write_bytes(data[:-5] + bytes(5))
    assert meeting.cli("james", "bundle", "import", "../stick/altered.age").code == 1
    assert meeting.cli("james", "bundle", "import", path).code == 0
    assert meeting.number("james") == 2
    if shutil.which("age") is None:
        pytest.skip("the age program is not installed: opened by the library alone")
    opened = tmp_path / "opened.bundle"
    key = str(meeting.key("james"))
    command = ["age", "-d", "-i", key, "-o", str(opened), str(meeting.stick / path)]
    assert subprocess.run(command, check=False).returncode == 0
    assert opened.read_bytes().startswith(b"# v2 git bundle\n")


def test_a_clone_that_lives_on_bundles_says_so_once(meeting):
    """What was asked of the home is told in one line that fits; what asks nothing tells nothing."""
    said = "offline: the home is a stick; what follows is as of the last contact\n"
    folder = meeting.folder("james")
    (folder / "a.md").write_text("A\n")
    stick = str(meeting.stick)
    ran = meeting.cli("james", "propose", "-m", "A", "--slug", "a")
    assert ran.code == 0, ran.err
    assert f"queued: it goes with gitsync bundle sync {stick}" in ran.out
    assert "cannot be reached" not in ran.err
    ran = meeting.cli("james", "proposals", "--fetch")
    assert (ran.code, ran.err) == (0, said)
    ran = meeting.cli("james", "receipt", "a")
    assert ran.err.startswith(said)
    assert f"gitsync bundle sync {stick}" in ran.err
    assert "gitsync push" not in ran.err
    ran = meeting.cli("james", "pull")
    assert (ran.code, ran.err) == (
        0, "offline: the home is a stick; this is as of the last contact\n",
    )  # fmt: skip
    for quiet in (("list",), ("log",), ("proposals",), ("receipt", "a", "--no-fetch")):
        assert "offline" not in meeting.cli("james", *quiet).err
    ran = meeting.cli("james", "push")
    assert ran.code != 0
    assert ran.err.splitlines()[0] == "error: the home is a stick"
    assert f"gitsync bundle sync {stick}" in ran.err
    assert "origin" not in ran.err
    ran = meeting.cli("james", "withdraw", "a")
    assert f"queued; send it later: gitsync bundle sync {stick}" in ran.out
    meeting.stick.rmdir()  # pulled out: nobody knows where it will be next time
    assert "gitsync bundle sync DIR" in meeting.cli("james", "push").err


def test_a_home_that_takes_the_place_of_a_stick_is_asked(meeting):
    url = ("config", "remote.origin.url")
    stock(meeting.folder("james"), *url, "/nowhere/at/all.git")
    ran = meeting.cli("james", "proposals", "--fetch")
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("offline: the remote origin cannot be reached")
    ran = meeting.cli("james", "proposals", "--fetch", tty=True)
    shown = re.sub(r"\x1b\[[0-9]*m", "", ran.err)
    assert shown.count("\n") > 1
    assert all(len(line) <= 80 for line in shown.splitlines())
    stock(meeting.folder("james"), "config", "--unset", url[1])
    ran = meeting.cli("james", "proposals", "--fetch")
    assert ran.err.startswith("offline: no home is set: git knows no remote origin; ")


def test_a_stick_is_no_clone_and_a_clone_no_stick(meeting):
    """What one does at midnight: the wrong folder, a file for a folder, a stick that is out."""
    made(meeting)
    there = {one.name for one in meeting.stick.iterdir()}
    ran = meeting.cli("alice", "-C", "../stick", "bundle", "sync", ".")
    assert ran.code == 3
    assert f"gitsync -C CLONE bundle sync {meeting.stick.resolve()}" in ran.err
    assert "gitsync init" not in ran.err
    folder = meeting.folder("alice")
    (folder / "deep").mkdir()
    for wrong in (".", "deep", ".git"):
        for args in (("bundle", "sync", wrong), ("witness", "run", "--stick", wrong)):
            ran = meeting.cli("alice", *args)
            assert (ran.code, "part of this clone" in ran.err) == (2, True)
    assert not list(folder.rglob("*.bundle"))
    (name,) = there
    ran = meeting.cli("alice", "bundle", "sync", f"../stick/{name}")
    assert (ran.code, "gitsync bundle import" in ran.err) == (2, True)
    ran = meeting.cli("alice", "bundle", "sync", "../pulled-out")
    assert (ran.code, "check that the stick is in" in ran.err) == (3, True)
    assert {one.name for one in meeting.stick.iterdir()} == there


def test_a_copy_that_a_system_has_renamed_counts_once(meeting):
    meeting.land("notes/a.md", "A\n")
    path = meeting.bundle("alice", "james")
    twin = path.with_name(f"{path.stem} (1).bundle")
    twin.write_bytes(path.read_bytes())
    ran = meeting.cli("james", "bundle", "import", "../stick")
    assert ran.code == 0
    assert ran.out.count("imported bundle") == 1
    assert ran.out.count("nothing new in bundle") == 1
    ran = meeting.cli("james", "bundle", "sync", "../stick")
    assert (ran.code, "imported" in ran.out) == (0, False)
    meeting.sync("alice")
    meeting.sync("james")
    assert not path.exists()
    assert not twin.exists()
