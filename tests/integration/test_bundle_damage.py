"""Bundles that are cut, altered, forged or hostile: a clear error, and nothing has changed."""

from __future__ import annotations

import random
import subprocess
import sys
import zlib
from dataclasses import replace

import pytest

from gitsync.codec import packhead
from gitsync.domain.carrying import Change
from gitsync.domain.errors import EnvironmentFault, GitsyncError, Kind
from gitsync.domain.objects import Oid
from gitsync.services.carrying.opening import open_signed
from gitsync.storage import quarantine
from gitsync.storage.bundlefile import check_pack, open_bundle
from tests.integration.carrykit import everything, forge, resealed, stock
from tests.integration.ledgerkit import Hand

X = Oid("1" * 40)


@pytest.fixture
def good(meeting):
    """A bundle for james that brings two snapshots, a proposal and a tag of alice's own."""
    meeting.land("notes/a.md", "A\n")
    meeting.land("notes/b.md", "B\n")
    meeting.clock.tick()
    meeting.propose("alice", "notes/c.md", "C\n", "c")
    assert meeting.cli("alice", "snapshot", "-m", "Mine").code == 0
    return meeting.bundle("alice", "james")


def refused(meeting, path, who="james"):
    """The error of an import; checks that it left everything as it was."""
    before = everything(meeting.folder(who))
    with pytest.raises(GitsyncError) as caught:
        meeting.take(who, path)
    assert everything(meeting.folder(who)) == before
    assert caught.value.kind in (Kind.REFUSED, Kind.ENVIRONMENT)
    return caught.value.code


def opens(path):
    """Whether a file would be believed, as far as that needs no ledger."""
    try:
        check_pack(open_signed(path).file, lambda _done, _total: None)
    except GitsyncError:
        return False
    return True


def test_cut_at_every_byte(meeting, good, tmp_path):
    data = good.read_bytes()
    cut = tmp_path / "cut.bundle"
    cut.write_bytes(data)
    assert opens(cut)
    for at in range(len(data) - 1, -1, -1):
        with cut.open("r+b") as file:
            file.truncate(at)
        assert not opens(cut), at
    for at in (0, 10, open_bundle(good).pack_at, len(data) // 2, len(data) - 1):
        cut.write_bytes(data[:at])
        assert refused(meeting, cut).startswith("bundle."), at


def test_every_bit_of_the_header(good, tmp_path):
    data = bytearray(good.read_bytes())
    path = tmp_path / "flipped.bundle"
    for at in range(open_bundle(good).pack_at):
        for bit in range(8):
            data[at] ^= 1 << bit
            path.write_bytes(data)
            assert not opens(path), (at, bit)
            data[at] ^= 1 << bit


def test_bits_of_the_pack(meeting, good, tmp_path):
    data, start = good.read_bytes(), open_bundle(good).pack_at
    path = tmp_path / "flipped.bundle"
    rng = random.Random(4)  # noqa: S311 - the same places in every run
    for at in rng.sample(range(start, len(data)), 200):
        altered = bytearray(data)
        altered[at] ^= 1 << rng.randrange(8)
        path.write_bytes(altered)
        assert not opens(path), at
    # And with its checksum made right again, as somebody does who means it.
    for at in rng.sample(range(start + 12, len(data) - 20), 25):
        altered = bytearray(data)
        altered[at] ^= 1 << rng.randrange(8)
        path.write_bytes(resealed(bytes(altered), start))
        refused(meeting, path)


def test_zeroed_sectors(meeting, good, tmp_path):
    data = good.read_bytes()
    path = tmp_path / "zeroed.bundle"
    for at in range(0, len(data), 512):
        path.write_bytes(data[:at] + bytes(len(data[at : at + 512])) + data[at + 512 :])
        assert not opens(path), at
    refused(meeting, path)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda data: data + b"\0", "bundle.damaged"),
        (lambda data: data + data, "bundle.damaged"),
        (lambda _: b"# v2 git bundle\n", "bundle.header"),
        (lambda _: b"# v2 git bundle\n\n", "bundle.header"),
        (lambda data: data.partition(b"\n\n")[0] + b"\n\n", "bundle.pack"),
        (lambda data: data.replace(b"# v2", b"# v3", 1), "bundle.capability"),
        (lambda data: b"# v3 git bundle\n@filter=tree:0\n" + data[16:], "bundle.capability"),
        (lambda _: b"", "bundle.not-one"),
        (lambda _: b"PK\x03\x04 something else", "bundle.not-one"),
        (lambda _: bytes(70_000), "bundle.not-one"),
        (lambda data: b"# v2 git bundle\n-" + b"1" * 5000 + data[16:], "bundle.header"),
    ],
)
def test_files_that_are_none(meeting, good, tmp_path, make, code):
    path = tmp_path / "x.bundle"
    path.write_bytes(make(good.read_bytes()))
    assert refused(meeting, path) == code


def test_what_git_itself_takes_is_caught(meeting, good, tmp_path):
    """``git bundle verify`` reads the header only: half a file passes."""
    path = tmp_path / "half.bundle"
    path.write_bytes(good.read_bytes()[:-400])
    assert stock(meeting.folder("james"), "bundle", "verify", str(path)).returncode == 0
    ran = meeting.cli("james", "bundle", "verify", str(path))
    assert (ran.code, "cut, altered" in ran.err) == (1, True)


def test_a_bundle_of_plain_git_is_told_apart(meeting, tmp_path):
    path = tmp_path / "plain.bundle"
    stock(meeting.folder("alice"), "bundle", "create", str(path), "--all")
    assert refused(meeting, path) == "bundle.no-manifest"


# -- lies under a good signature ----------------------------------------------------------------

LIES = {
    "ledger": (lambda one: replace(one, ledger=X), "bundle.other-ledger"),
    "space": (lambda one: replace(one, space="other"), "bundle."),
    "sender": (lambda one: replace(one, sender="carol"), "bundle.unknown-key"),
    "a sender nobody knows": (lambda one: replace(one, sender="zoe"), "bundle.unknown-key"),
    "number above": (lambda one: replace(one, number=one.number + 1), "bundle.position"),
    "number below": (lambda one: replace(one, number=1), "bundle.position"),
    "common": (lambda one: replace(one, common=X), "bundle.incomplete"),
    "needs": (lambda one: replace(one, needs=(X,), basis=6), None),
    "a ref that is not in it": (
        lambda one: replace(one, changes=_add(one, Change("refs/heads/people/zoe", X, None))),
        "bundle.incomplete",
    ),
    "a ref outside the design": (
        lambda one: replace(one, changes=_add(one, Change("refs/heads/main", one.common, None))),
        "bundle.ref",
    ),
    "a ref of ours": (
        lambda one: replace(one, changes=_add(one, Change("refs/replace/" + X, one.common, None))),
        "bundle.ref",
    ),
    "a look-alike": (
        lambda one: replace(one, changes=_add(one, Change("refs/heads/Common", one.common, None))),
        "bundle.ref",
    ),
    "common taken away": (
        lambda one: replace(
            one, changes=_add(one, Change("refs/tags/common@1", None, one.common))
        ),
        "ref.delete",
    ),
    "a tag on another snapshot": (
        lambda one: replace(one, changes=_swap(one, "refs/tags/common@3", "refs/tags/common@2")),
        "tag.",
    ),
    "receipts that are something else": (
        lambda one: replace(
            one,
            changes=_swap(one, "refs/heads/gitsync/receipts/common", "refs/heads/gitsync/locks"),
        ),
        "receipts.",
    ),
    "an older branch with the tags": (
        lambda one: replace(
            one, changes=_swap(one, "refs/heads/common", "refs/heads/people/alice")
        ),
        None,
    ),
}  # fmt: skip


def _add(manifest, change):
    kept = [one for one in manifest.changes if one.ref != change.ref]
    return tuple(sorted([*kept, change], key=lambda one: one.ref))


def _swap(manifest, ref, other):
    value = next(one.new for one in manifest.changes if one.ref == other)
    return _add(manifest, Change(ref, value, None))


@pytest.mark.parametrize("field", LIES)
def test_a_manifest_that_lies(meeting, good, tmp_path, field):
    edit, code = LIES[field]
    path = forge(meeting, "alice", tmp_path / "lie.bundle", edit)
    if field == "needs":
        # It says that something has to come first: nothing is taken, and it waits.
        (found,) = meeting.take("james", path)
        assert (found.outcome, found.awaited) == ("held", 6)
        assert meeting.number("james") == 1
        return
    said = refused(meeting, path)
    assert code is None or said.startswith(code), said


HARMLESS = {
    "made": lambda one: replace(one, at=1),
    "sequence": lambda one: replace(one, sequence=10**11),
    "vector": lambda one: replace(one, vector=(("common", 10**11), ("zoe", 9))),
    "old values": lambda one: replace(
        one, changes=tuple(replace(each, old=X) for each in one.changes)
    ),
    "acks of bundles that never were": lambda one: replace(
        one, acks=(replace_ack("james", 99), replace_ack("zoe", 3))
    ),
}  # fmt: skip


def replace_ack(domain, sequence):
    from gitsync.domain.carrying import Ack

    return Ack(domain, sequence, X)


@pytest.mark.parametrize("field", HARMLESS)
def test_a_lie_that_decides_nothing(meeting, good, tmp_path, field):
    """What these say is the sender's own business: the refs are checked for themselves."""
    path = forge(meeting, "alice", tmp_path / "odd.bundle", HARMLESS[field])
    (found,) = meeting.take("james", path)
    assert (found.outcome, found.after) == ("imported", 3)
    meeting.land("notes/d.md", "D\n")
    (found,) = meeting.take("james", meeting.bundle("alice", "james"))
    assert found.after == meeting.number("alice")
    assert meeting.write_for("james", "alice").written is not None


def test_a_header_that_says_other_than_the_manifest(meeting, good, tmp_path):
    path = tmp_path / "other.bundle"
    one = forge(meeting, "alice", path, refs=lambda refs: {**refs, "refs/heads/extra": X})
    assert refused(meeting, one) == "bundle.header-differs"
    one = forge(meeting, "alice", path, refs=lambda refs: dict(list(refs.items())[1:]))
    assert refused(meeting, one) == "bundle.header-differs"
    one = forge(meeting, "alice", path, needs=(X,))
    assert refused(meeting, one) == "bundle.header-differs"
    hidden = forge(meeting, "alice", path, refs=lambda refs: {**refs, "refs/heads/\u00e9": X})
    assert refused(meeting, hidden) == "bundle.header"


def test_a_manifest_of_another_bundle(meeting, good, tmp_path):
    """The manifest's objects of one bundle in another one of the same sender."""
    meeting.land("notes/d.md", "D\n")
    other = meeting.bundle("alice", "james", full=True)
    data, start = other.read_bytes(), open_bundle(other).pack_at
    path = tmp_path / "mixed.bundle"
    path.write_bytes(good.read_bytes()[: open_bundle(good).pack_at] + data[start:])
    assert refused(meeting, path) == "bundle.damaged"


def test_a_key_that_is_not_the_senders(meeting, good, tmp_path):
    for name in ("james", "zoe"):
        path = forge(meeting, "alice", tmp_path / "x.bundle", key=str(meeting.key(name)))
        assert refused(meeting, path) == "bundle.unknown-key"


def test_a_key_that_was_retired(meeting, good, tmp_path):
    old = str(meeting.key("carol"))
    new = meeting.key("carol-new")
    assert meeting.cli("carol", "roster", "list").code == 0
    roster = (meeting.folder("alice") / ".gitsync/allowed_signers").read_text()
    lines = [line for line in roster.splitlines() if not line.startswith("carol ")]
    line = next(line for line in roster.splitlines() if line.startswith("carol "))
    public = new.with_name(new.name + ".pub").read_text().split()
    lines.append(line[: line.index("ssh-ed25519")] + " ".join(public[:2]))
    hand = Hand(meeting, meeting.folder("alice"))
    from tests.integration.ledgerkit import policy_edit

    meeting.clock.tick()
    files = {
        ".gitsync/allowed_signers": ("\n".join(lines) + "\n").encode(),
        ".gitsync/policy.yaml": policy_edit(hand),
    }
    oid = hand.propose("alice/rotate", hand.change("alice", files))
    hand.approve("james", oid)
    hand.approve("carol", oid)
    found = meeting.witness()
    assert "accepted" in [one.outcome for one in found.receipts], found.receipts
    meeting.take("carol", meeting.bundle("alice", "carol"))
    path = forge(meeting, "carol", tmp_path / "old.bundle", recipient="alice", key=old)
    assert refused(meeting, path, "alice") == "bundle.unknown-key"
    path = forge(meeting, "carol", tmp_path / "new.bundle", recipient="alice", key=str(new))
    assert meeting.take("alice", path)[0].outcome in ("imported", "nothing-new")


def test_a_signature_that_was_taken_off(meeting, good, tmp_path):
    data, bundle = good.read_bytes(), open_bundle(good)
    commit = bundle.head[0][1]
    start, end = commit.index(b"gpgsig "), commit.index(b"-----END SSH SIGNATURE-----\n") + 28
    bare = commit[:start] + commit[end:]
    from gitsync.codec.gitobjects import object_id

    old = object_id("commit", commit).encode()
    rest = data[bundle.pack_at + 12 + len(packhead.encode_object("commit", commit)) :]
    head = data[: bundle.pack_at].replace(old, object_id("commit", bare).encode())
    made = head + data[bundle.pack_at :][:12] + packhead.encode_object("commit", bare) + rest
    path = tmp_path / "bare.bundle"
    path.write_bytes(resealed(made, bundle.pack_at))
    assert refused(meeting, path) == "signature.missing"


# -- too much -----------------------------------------------------------------------------------


def test_a_hundred_thousand_refs(meeting, good, tmp_path):
    """Names that could be, on one commit: listed, signed, and none of them worth anything."""
    many = 100_000

    def edit(one):
        extra = [Change(f"refs/tags/zoe@{n}", one.common, None) for n in range(1, many)]
        return replace(one, changes=tuple(sorted([*one.changes, *extra], key=lambda c: c.ref)))

    path = forge(meeting, "alice", tmp_path / "many.bundle", edit)
    (found,) = meeting.take("james", path)
    refusals = [one for one in found.verdicts if one.fate.value == "refused"]
    assert len(refusals) == many - 1
    assert not [ref for ref in meeting.refs("james") if "zoe@" in ref]
    assert meeting.number("james") == 3
    junk = tmp_path / "junk.bundle"
    lines = b"".join(b"%040x refs/heads/x%d\n" % (n, n) for n in range(300_000))
    junk.write_bytes(b"# v2 git bundle\n" + lines + b"\n")
    assert refused(meeting, junk) == "bundle.too-many-refs"


def with_object(path, target, kind, size, deflated):
    """A bundle with one more object in its pack, given as deflated bytes."""
    data, bundle = path.read_bytes(), open_bundle(path)
    header = bytearray([{"commit": 1, "tree": 2, "blob": 3, "delta": 6}[kind] << 4 | size & 15])
    size >>= 4
    while size:
        header[-1] |= 0x80
        header.append(size & 0x7F)
        size >>= 7
    body = data[bundle.pack_at + 12 : -20] + bytes(header) + deflated
    made = data[: bundle.pack_at] + packhead.encode_header(bundle.objects + 1) + body + bytes(20)
    target.write_bytes(resealed(made, bundle.pack_at))
    return target


@pytest.mark.parametrize("kind", ["commit", "tree"])
def test_a_small_pack_that_inflates_without_end(meeting, good, tmp_path, kind):
    size = quarantine.MAX_OBJECT_BYTES + (64 << 20)
    path = with_object(good, tmp_path / "bomb.bundle", kind, size, zlib.compress(bytes(size), 9))
    assert path.stat().st_size < 2_000_000
    assert refused(meeting, path) == "bundle.too-large"


def test_a_delta_that_grows_without_end(meeting, good, tmp_path):
    """A file of a megabyte, and instructions of three kilobytes to copy it 900 times."""
    base = b"x" * (1 << 20)
    deflated = zlib.compress(base)
    first = with_object(good, tmp_path / "base.bundle", "blob", len(base), deflated)
    times = 900
    copy = bytes([0xF0, 0, 0, 0x10])  # size 0x100000, from offset 0
    delta = _size(len(base)) + _size(len(base) * times) + copy * times
    back = _distance(_entry_bytes(len(base)) + len(deflated))
    path = with_object(
        first, tmp_path / "bomb.bundle", "delta", len(delta), back + zlib.compress(delta)
    )
    assert refused(meeting, path) == "bundle.too-large"


def _size(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _distance(back):
    from gitsync.codec.pack import _distance as encode

    return encode(back)


def _entry_bytes(size):
    return 1 if size < 16 else 1 + -(-(size.bit_length() - 4) // 7)


# -- disks and neighbours -----------------------------------------------------------------------


def test_a_stick_that_is_pulled_out_meanwhile(meeting, good, monkeypatch):
    from gitsync.services.carrying import taking

    real = taking.check_pack

    def gone(bundle, progress):
        real(bundle, progress)
        bundle.path.unlink()

    monkeypatch.setattr(taking, "check_pack", gone)
    assert refused(meeting, good) == "bundle.unreadable"


def test_two_imports_at_once(meeting, good):
    """Two processes, one clone: one waits for the other, and finds nothing left to do."""
    command = [sys.executable, "-m", "gitsync", "bundle", "import", str(good), "--json"]
    running = [
        subprocess.Popen(command, cwd=meeting.folder("james"), stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [child.communicate()[0].decode() for child in running]
    assert [child.returncode for child in running] == [0, 0]
    assert sorted('"outcome": "imported"' in one for one in said) == [False, True]
    assert meeting.number("james") == 3


def test_what_a_dead_import_left_is_swept(meeting, good):
    shelf = meeting.folder("james") / ".git/gitsync/carrying"
    (shelf / "quarantine/123/objects/pack").mkdir(parents=True)
    (shelf / "quarantine/123/objects/pack/tmp_pack_x").write_bytes(b"half")
    meeting.take("james", good)
    assert not (shelf / "quarantine").exists()


def test_a_file_about_a_peer_that_is_torn_is_named(meeting, good):
    path = meeting.folder("james") / ".git/gitsync/carrying/peers/alice.json"
    path.write_bytes(b"")
    with pytest.raises(EnvironmentFault) as caught:
        meeting.take("james", good)
    assert caught.value.code == "peer.damaged"
    assert f"rm {path}" in caught.value.hint
    path.unlink()
    assert meeting.take("james", good)[0].outcome == "imported"
