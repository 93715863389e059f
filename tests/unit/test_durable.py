"""Files are whole or absent, whatever dies, and errors leave nothing behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gitsync.codec.pack import PackBuilder
from gitsync.domain.errors import BugError, EnvironmentFault, Kind, RefusedError
from gitsync.storage import durable, locking
from gitsync.storage.durable import save_pack, sync_written, write_atomic, write_new
from gitsync.storage.locking import FileLock

OLD, NEW = b"old content", b"new content, longer" * 100


def names(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def failing(monkeypatch, call, code, after=0):
    """Make ``os.<call>`` fail with ``code`` after that many good calls."""
    real, left = getattr(os, call), [after]

    def fail(*args, **kwargs):
        left[0] -= 1
        if left[0] >= 0:
            return real(*args, **kwargs)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, fail)


@pytest.fixture
def pack():
    builder = PackBuilder()
    builder.add("blob", b"content\n" * 100)
    return builder.finish()


class Trace:
    """Records the calls that matter for what survives a power cut, in order."""

    def __init__(self, monkeypatch):
        self.calls = []
        fsync, replace, link = os.fsync, Path.replace, Path.hardlink_to

        def traced_fsync(fd):
            self.calls.append(("fsync", Path(f"/proc/self/fd/{fd}").readlink().name))
            fsync(fd)

        def traced_replace(path, to):
            self.calls.append(("move", to.name))
            return replace(path, to)

        def traced_link(path, to):
            self.calls.append(("move", path.name))
            return link(path, to)

        monkeypatch.setattr(os, "fsync", traced_fsync)
        monkeypatch.setattr(Path, "replace", traced_replace)
        monkeypatch.setattr(Path, "hardlink_to", traced_link)

    def shape(self):
        return [
            (what, "tmp" if name.startswith(durable.TEMPORARY) else name)
            for what, name in self.calls
        ]


class TestWriteAtomic:
    def test_writes_replaces_and_sets_the_mode(self, tmp_path):
        path = tmp_path / "file"
        write_atomic(path, OLD)
        write_atomic(path, NEW, mode=0o600)
        assert path.read_bytes() == NEW
        assert path.stat().st_mode & 0o777 == 0o600
        assert names(tmp_path) == ["file"]

    def test_the_umask_narrows_the_mode(self, tmp_path):
        before = os.umask(0o077)
        try:
            write_atomic(tmp_path / "file", NEW)
        finally:
            os.umask(before)
        assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600

    @pytest.mark.skipif(sys.platform != "linux", reason="reads names from /proc")
    @pytest.mark.parametrize("write", [write_atomic, write_new])
    def test_the_content_is_synced_before_the_move_and_the_folder_after(
        self, tmp_path, monkeypatch, write
    ):
        trace = Trace(monkeypatch)
        write(tmp_path / "file", NEW)
        assert trace.shape() == [("fsync", "tmp"), ("move", "file"), ("fsync", tmp_path.name)]

    def test_without_sync_nothing_is_synced(self, tmp_path, monkeypatch):
        failing(monkeypatch, "fsync", errno.EIO)
        write_atomic(tmp_path / "file", NEW, sync=False)
        assert (tmp_path / "file").read_bytes() == NEW

    def test_short_writes_are_continued(self, tmp_path, monkeypatch):
        write = os.write
        monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
        write_atomic(tmp_path / "file", NEW)
        assert (tmp_path / "file").read_bytes() == NEW

    @pytest.mark.parametrize(
        "fault",
        [
            ("write", errno.ENOSPC, "disk.full"),
            ("write", errno.EDQUOT, "disk.full"),
            ("fsync", errno.ENOSPC, "disk.full"),
            ("open", errno.EROFS, "disk.read-only"),
            ("open", errno.EACCES, "disk.denied"),
            ("write", errno.EFBIG, "disk.file-too-large"),
            ("fsync", errno.EIO, "disk.failed"),
        ],
    )
    @pytest.mark.parametrize("write", [write_atomic, write_new])
    def test_faults_are_named_and_leave_nothing(self, tmp_path, monkeypatch, write, fault):
        call, code, name = fault
        path = tmp_path / "file"
        if write is write_atomic:
            path.write_bytes(OLD)
        before = names(tmp_path)
        failing(monkeypatch, call, code)
        with pytest.raises(EnvironmentFault) as caught:
            write(path, NEW)
        assert caught.value.code == name
        assert caught.value.kind is Kind.ENVIRONMENT
        assert str(path) in caught.value.message
        assert (caught.value.hint is None) == (name == "disk.failed")
        assert names(tmp_path) == before
        assert not path.exists() or path.read_bytes() == OLD

    def test_a_missing_folder(self, tmp_path):
        with pytest.raises(EnvironmentFault) as caught:
            write_atomic(tmp_path / "no" / "file", NEW)
        assert caught.value.code == "disk.missing"

    def test_a_folder_in_the_way(self, tmp_path):
        (tmp_path / "file").mkdir()
        with pytest.raises(EnvironmentFault):
            write_atomic(tmp_path / "file", NEW)
        assert names(tmp_path) == []

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_disk_that_is_really_full(self, tmp_path, monkeypatch):
        opened = os.open
        monkeypatch.setattr(
            durable.os,
            "open",
            lambda path, flags, *mode: opened(
                "/dev/full" if flags & os.O_EXCL else path, flags & ~os.O_EXCL, *mode
            ),
        )
        with pytest.raises(EnvironmentFault) as caught:
            write_atomic(tmp_path / "file", NEW)
        assert caught.value.code == "disk.full"


class TestWriteNew:
    def test_refuses_what_exists(self, tmp_path):
        path = tmp_path / "file"
        write_new(path, OLD, 0o600)
        with pytest.raises(RefusedError) as caught:
            write_new(path, NEW)
        assert caught.value.code == "file.exists"
        assert path.read_bytes() == OLD
        assert path.stat().st_mode & 0o777 == 0o600
        assert names(tmp_path) == ["file"]

    def test_one_of_many_writers_wins(self, tmp_path):
        path, won = tmp_path / "file", []

        def write(who):
            try:
                write_new(path, b"%d" % who, sync=False)
                won.append(b"%d" % who)
            except RefusedError:
                pass

        threads = [threading.Thread(target=write, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert won == [path.read_bytes()]
        assert names(tmp_path) == ["file"]

    @pytest.mark.parametrize("full", [False, True])
    def test_a_disk_without_links(self, tmp_path, monkeypatch, full):
        def no_links(path, to):
            if full:
                failing(monkeypatch, "write", errno.ENOSPC)
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(Path, "hardlink_to", no_links)
        path = tmp_path / "file"
        if full:
            with pytest.raises(EnvironmentFault, match="no space"):
                write_new(path, NEW)
            assert names(tmp_path) == []
            return
        write_new(path, NEW)
        with pytest.raises(RefusedError):
            write_new(path, OLD)
        assert path.read_bytes() == NEW
        assert names(tmp_path) == ["file"]


class TestSyncWritten:
    def test_syncs_and_names_faults(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_bytes(NEW)
        trace = Trace(monkeypatch)
        sync_written(tmp_path / "file")
        assert trace.calls == [("fsync", "file"), ("fsync", tmp_path.name)]
        with pytest.raises(EnvironmentFault):
            sync_written(tmp_path / "missing")

    def test_a_disk_that_cannot_sync_a_folder_need_not(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_bytes(NEW)
        failing(monkeypatch, "fsync", errno.EINVAL, after=1)
        sync_written(tmp_path / "file")
        failing(monkeypatch, "fsync", errno.EIO, after=1)
        with pytest.raises(EnvironmentFault):
            sync_written(tmp_path / "file")


class TestSavePack:
    def test_writes_both_files_read_only(self, tmp_path, pack):
        path = save_pack(pack, tmp_path)
        assert path == tmp_path / "pack" / f"{pack.name}.pack"
        assert path.read_bytes() == pack.pack
        assert path.with_suffix(".idx").read_bytes() == pack.index
        assert {p.stat().st_mode & 0o777 for p in path.parent.iterdir()} == {0o444}
        assert len(names(tmp_path)) == 2

    @pytest.mark.skipif(sys.platform != "linux", reason="reads names from /proc")
    def test_the_index_appears_last_and_all_is_synced(self, tmp_path, monkeypatch, pack):
        (tmp_path / "pack").mkdir()
        trace = Trace(monkeypatch)
        save_pack(pack, tmp_path)
        assert trace.shape() == [
            ("fsync", "tmp"),
            ("fsync", "tmp"),
            ("move", f"{pack.name}.pack"),
            ("move", f"{pack.name}.idx"),
            ("fsync", "pack"),
        ]

    @pytest.mark.skipif(sys.platform != "linux", reason="reads names from /proc")
    def test_what_is_there_is_kept_but_synced(self, tmp_path, monkeypatch, pack):
        path = save_pack(pack, tmp_path, sync=False)
        inode = path.stat().st_ino
        trace = Trace(monkeypatch)
        save_pack(pack, tmp_path)
        assert path.stat().st_ino == inode
        assert trace.shape() == [
            ("fsync", path.name),
            ("fsync", f"{pack.name}.idx"),
            ("fsync", "pack"),
        ]

    @pytest.mark.parametrize("suffix", [".pack", ".idx"])
    @pytest.mark.parametrize("torn", [b"", None, "flip"])
    def test_torn_files_are_healed(self, tmp_path, pack, suffix, torn):
        path = save_pack(pack, tmp_path)
        victim = path.with_suffix(suffix)
        whole = victim.read_bytes()
        victim.unlink()
        if torn is not None:
            victim.write_bytes(torn if torn == b"" else whole[:-1] + bytes([whole[-1] ^ 1]))
        save_pack(pack, tmp_path)
        assert path.read_bytes() == pack.pack
        assert path.with_suffix(".idx").read_bytes() == pack.index
        assert len(names(tmp_path)) == 2

    @pytest.mark.parametrize("after", [0, 1])
    def test_a_full_disk_leaves_nothing(self, tmp_path, monkeypatch, pack, after):
        failing(monkeypatch, "write", errno.ENOSPC, after)
        with pytest.raises(EnvironmentFault) as caught:
            save_pack(pack, tmp_path)
        assert caught.value.code == "disk.full"
        assert names(tmp_path) == []


CHILD = """
import os, signal, sys
from pathlib import Path
from gitsync.codec.pack import PackBuilder
from gitsync.storage import durable, locking

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

job, step, count, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
owner = Path if step in ("replace", "hardlink_to") else os
real = getattr(owner, step)

def call(*args, **kwargs):
    global count
    count -= 1
    if count < 0:
        if step == "write":
            real(args[0], args[1][: len(args[1]) // 2])
        die()
    return real(*args, **kwargs)

setattr(owner, step, call)
if job == "atomic":
    durable.write_atomic(folder / "file", b"new content, longer" * 100)
elif job == "new":
    durable.write_new(folder / "fresh", b"new content, longer" * 100)
else:
    builder = PackBuilder()
    builder.add("blob", b"content\\n" * 100)
    durable.save_pack(builder.finish(), folder)
print("finished")
"""

STEPS = [("write", 0), ("fsync", 0), ("replace", 0), ("fsync", 1)]
NEW_STEPS = [("write", 0), ("fsync", 0), ("hardlink_to", 0), ("unlink", 0), ("fsync", 1)]
PACK_STEPS = [
    *(("write", n) for n in (0, 1)),
    *(("replace", n) for n in (0, 1)),
    ("fsync", 2),
]


def killed(job, step, count, folder):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, job, step, str(count), str(folder)],
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stdout == b""


def finished(folder):
    return [name for name in names(folder) if not name.startswith(durable.TEMPORARY)]


class TestKilled:
    @pytest.mark.parametrize(("step", "count"), STEPS)
    def test_replacing_shows_the_old_content_or_the_new(self, tmp_path, step, count):
        path = tmp_path / "file"
        path.write_bytes(OLD)
        killed("atomic", step, count, tmp_path)
        assert path.read_bytes() == (NEW if (step, count) == ("fsync", 1) else OLD)
        assert finished(tmp_path) == ["file"]
        write_atomic(path, NEW)
        assert path.read_bytes() == NEW

    @pytest.mark.parametrize(("step", "count"), NEW_STEPS)
    def test_a_new_file_is_whole_or_absent(self, tmp_path, step, count):
        killed("new", step, count, tmp_path)
        path = tmp_path / "fresh"
        moved = (step, count) in {("unlink", 0), ("fsync", 1)}
        assert path.exists() == moved
        if moved:
            assert path.read_bytes() == NEW
        else:
            write_new(path, NEW)

    @pytest.mark.parametrize(("step", "count"), PACK_STEPS)
    def test_an_index_never_stands_without_its_pack(self, tmp_path, pack, step, count):
        (tmp_path / "pack").mkdir()
        killed("pack", step, count, tmp_path)
        there = finished(tmp_path)
        assert there == {
            ("replace", 1): [f"{pack.name}.pack"],
            ("fsync", 2): [f"{pack.name}.idx", f"{pack.name}.pack"],
        }.get((step, count), [])
        path = save_pack(pack, tmp_path)
        assert path.read_bytes() == pack.pack
        assert path.with_suffix(".idx").read_bytes() == pack.index
        # Git removes what starts so from its object folders; the rest is there once.
        assert all(p.name.startswith("tmp_") for p in path.parent.iterdir() if "tmp" in p.name)


HOLDER = """
import sys, time
from pathlib import Path
from gitsync.storage.locking import FileLock
with FileLock(Path(sys.argv[1]), timeout=5):
    print("held", flush=True)
    time.sleep(60)
"""


class Clock:
    def __init__(self):
        self.now, self.slept = 100.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


class TestFileLock:
    def test_a_second_holder_waits_and_gives_up_by_the_given_clock(self, tmp_path):
        path, clock = tmp_path / "lock", Clock()
        with FileLock(path, timeout=0):
            with pytest.raises(EnvironmentFault) as caught:
                FileLock(path, timeout=2.0, clock=clock, sleep=clock.sleep).acquire()
            assert caught.value.code == "lock.busy"
            assert f"process {os.getpid()}" in caught.value.message
            assert caught.value.hint
        assert sum(clock.slept) == pytest.approx(2.0)
        assert max(clock.slept) <= 0.05
        FileLock(path, timeout=0).acquire()

    def test_a_waiter_gets_it_when_it_is_released(self, tmp_path):
        path, clock = tmp_path / "lock", Clock()
        holder = FileLock(path, timeout=0)
        holder.acquire()

        def sleep(seconds):
            clock.sleep(seconds)
            if len(clock.slept) == 3:
                holder.release()

        with FileLock(path, timeout=9, clock=clock, sleep=sleep):
            assert len(clock.slept) == 3

    def test_release_is_idempotent_and_follows_errors(self, tmp_path):
        lock = FileLock(tmp_path / "lock", timeout=0)
        with pytest.raises(ZeroDivisionError), lock:
            raise ZeroDivisionError
        lock.release()
        with lock:
            pass

    def test_taking_it_twice_is_a_bug(self, tmp_path):
        with FileLock(tmp_path / "lock", timeout=0) as lock, pytest.raises(BugError):
            lock.acquire()

    def test_a_killed_holder_lets_go(self, tmp_path):
        path = tmp_path / "lock"
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout.readline() == b"held\n"
            with pytest.raises(EnvironmentFault, match=f"process {child.pid}"):
                FileLock(path, timeout=0).acquire()
            child.kill()
            child.wait()
        assert path.exists()
        with FileLock(path, timeout=0):
            assert path.read_bytes() == b"%-11d\n" % os.getpid()

    def test_a_left_over_file_means_nothing(self, tmp_path):
        path = tmp_path / "lock"
        path.write_bytes(b"9" * 1000)
        with FileLock(path, timeout=0):
            assert path.read_bytes() == b"%-11d\n" % os.getpid()

    def test_hostile_holder_text_is_not_shown(self, tmp_path):
        path = tmp_path / "lock"
        with FileLock(path, timeout=0):
            path.write_bytes(b"\x1b[31m" + b"9" * 9000)
            with pytest.raises(EnvironmentFault, match="another process"):
                FileLock(path, timeout=0).acquire()

    def test_deleting_the_file_under_a_holder_does_not_confuse_the_next_two(self, tmp_path):
        """A lock on a file that no longer has the name is no lock."""
        path, clock = tmp_path / "lock", Clock()
        first = FileLock(path, timeout=0)
        first.acquire()
        flock = locking.fcntl.flock
        deleted = []

        def delete_once(fd, how):
            if not deleted:
                deleted.append(True)
                path.unlink()
            flock(fd, how)

        first.release()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(locking.fcntl, "flock", delete_once)
            second = FileLock(path, timeout=1, clock=clock, sleep=clock.sleep)
            second.acquire()
        with pytest.raises(EnvironmentFault):
            FileLock(path, timeout=0).acquire()
        second.release()

    def test_symlinks_are_not_followed(self, tmp_path):
        (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(EnvironmentFault):
            FileLock(tmp_path / "lock", timeout=0).acquire()
        assert not (tmp_path / "elsewhere").exists()

    def test_a_missing_folder_is_named(self, tmp_path):
        with pytest.raises(EnvironmentFault) as caught:
            FileLock(tmp_path / "no" / "lock", timeout=0).acquire()
        assert caught.value.code == "disk.missing"
