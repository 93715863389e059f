"""What a bundle says at its beginning is read without putting together what it came in."""

from __future__ import annotations

import io
import tempfile
from hashlib import shake_256

import pytest

from gitsync.codec import ageheader, volumes
from gitsync.codec.volumes import Volume
from gitsync.services.carrying import looking
from gitsync.storage import agefile

#: Files that the policy allows, and that do not get much smaller in a pack.
NOISE = [shake_256(bytes([at])).hexdigest(500_000) for at in range(4)]


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No folder to put anything together in."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))


@pytest.fixture
def large(meeting):
    meeting.meet()
    for at, text in enumerate(NOISE):
        meeting.write("alice", f"notes/{at}.md", text)
    meeting.land("notes/last.md", "The last\n")
    return meeting


def seen(meeting, who, path):
    (one,) = looking.inspect(meeting.host(who), str(path))
    return one


def longer(index):
    """One more volume in the list: a hole of a terabyte, which takes no room, and hours to read."""
    listed = volumes.parse(index.read_bytes())
    name = f"{listed[0].name[:-4]}.{len(listed) + 1:03d}"
    with index.with_name(name).open("wb") as file:
        file.truncate(1 << 40)
    index.write_bytes(volumes.encode((*listed, Volume(name, 1 << 40, "0" * 64))))


@pytest.mark.parametrize("split", [4096, 100_000, None])
def test_volumes(large, nowhere, split):
    path = large.bundle("alice", "james", split=split)
    one = seen(large, "james", path)
    assert (one.problem, one.encrypted, one.for_me) == ("", False, True)
    files = [each for each in large.stick.iterdir() if each.suffix != ".volumes"]
    assert one.size == sum(each.stat().st_size for each in files) > 1_500_000
    if split is not None:
        longer(path)
        one = seen(large, "james", path)
        assert (one.problem, one.for_me) == ("", True)


@pytest.mark.parametrize("split", [4096, 100_000, None])
def test_what_is_encrypted(large, monkeypatch, tmp_path, split):
    path = large.bundle("alice", "james", split=split, encrypt=True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    one = seen(large, "james", path)
    assert (one.problem, one.encrypted, one.for_me) == ("", True, True)
    monkeypatch.undo()
    # Exactly so large is what comes out.
    plain = large.bundle("alice", "james").stat().st_size
    assert abs(one.size - plain) < 200
    last = sorted(large.stick.glob("*.age*"))[-2 if split else -1]
    data = last.read_bytes()
    last.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert seen(large, "james", path).problem == ""
    assert [error.code for _, error in large.sync("james").haul.refused] == [
        "bundle.volume" if split else "bundle.sealed"
    ]


def test_what_is_for_somebody_else_is_not_put_together(large, monkeypatch, tmp_path):
    path = large.bundle("alice", "james", split=100_000, encrypt=True)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    one = seen(large, "carol", path)
    assert (one.code, one.manifest) == ("bundle.sealed", None)
    large.cli("carol", "bundle", "import", str(path))
    monkeypatch.setattr(agefile, "_decrypt", None)
    ran = large.cli("carol", "bundle", "import", str(path))
    assert (ran.code, "encrypted for somebody else" in ran.err) == (1, True)


def test_volumes_that_are_not_all_there(large, nowhere):
    path = large.bundle("alice", "james", split=100_000)
    parts = [path.with_name(one.name) for one in volumes.parse(path.read_bytes())]
    parts[-1].write_bytes(parts[-1].read_bytes()[:-1])
    one = seen(large, "james", path)
    assert (one.code, parts[-1].name in one.problem) == ("bundle.volume", True)
    parts[-1].unlink()
    assert "is missing" in seen(large, "james", path).problem


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 131072, 200_000])
def test_the_size_of_what_comes_out(size, make_key):
    pyrage = pytest.importorskip("pyrage")
    public = make_key("one").with_name("one.key.pub").read_text().strip()
    out = io.BytesIO()
    pyrage.encrypt_io(io.BytesIO(bytes(size)), out, [pyrage.ssh.Recipient.from_str(public)])
    data = out.getvalue()
    assert ageheader.plain_size(len(data), data[:1000]) == size
    assert ageheader.plain_size(len(data), data[:60]) == 0
