"""Disks to mount: by the kernel where it knows the file system, else by drivers in user space."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from gitsync.storage import disks

MIB = 1 << 20
SECONDS = 30
MAKERS = {
    "vfat": ("mkfs.vfat",), "exfat": ("mkfs.exfat",), "ext4": ("mkfs.ext4", "-q", "-F"),
}  # fmt: skip
#: What each may be called once it is mounted.
KINDS = {
    "vfat": {"vfat", "fuse.fusefat"}, "exfat": {"exfat", "fuseblk"}, "ext4": {"ext4"},
    "tmpfs": {"tmpfs"},
}  # fmt: skip


def ran(*command: str) -> str:
    """An error of a program, or nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError:
        return f"{command[0]} is not installed"
    lines = (done.stderr or done.stdout).strip().splitlines()
    return "" if done.returncode == 0 else lines[0] if lines else f"{command[0]} failed"


class Mounts:
    """Mounts below one folder. What each step takes is noted before the next one, and all of it is
    given back by :meth:`close`, the last first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.drivers: dict[Path, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()

    def __call__(self, kind: str, size: int = 64 * MIB) -> Path:
        """The folder of a new and empty file system of this kind; skips where none can be had."""
        if os.geteuid() != 0:
            pytest.skip("mounting needs root; faults are injected instead, see test_sticks.py")
        point = self.folder / f"mount-{kind}-{len(list(self.folder.glob('mount-*')))}"
        point.mkdir()
        said = self._mount(kind, size, point)
        if said:
            pytest.skip(f"no {kind} here ({said}); faults are injected instead, see test_sticks.py")
        assert disks.file_system(point) in KINDS[kind]
        return point

    def _mount(self, kind: str, size: int, point: Path) -> str:
        if kind == "tmpfs":
            said = ran("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(point))
            self._stack.callback(unmount, point)
            return said
        image = point.with_suffix(".img")
        with image.open("wb") as file:
            file.truncate(size)
        said = ran(*MAKERS[kind], str(image))
        if said:
            return said
        self._stack.callback(unmount, point)
        said = ran("mount", "-t", kind, "-o", "loop", str(image), str(point))
        if not said or kind == "ext4":
            return said
        other = self._fusefat(image, point) if kind == "vfat" else self._exfat(image, point)
        return other and f"{said}; {other}"

    def _fusefat(self, image: Path, point: Path) -> str:
        """In the foreground: the process is ours to end, and nobody else's. With one thread: with
        several it mixes up what is read at once, now and then, and a bundle looks damaged."""
        command = ["fusefat", "-f", "-s", "-o", "rw+", str(image), str(point)]
        try:
            driver = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except FileNotFoundError:
            return "fusefat is not installed"
        self.drivers[point] = driver
        self._stack.callback(end, driver, point)
        stop = time.monotonic() + SECONDS
        while disks.file_system(point) not in KINDS["vfat"]:
            if driver.poll() is not None or time.monotonic() > stop:
                return "fusefat does not mount it"
            time.sleep(0.02)
        return ""

    def _exfat(self, image: Path, point: Path) -> str:
        done = subprocess.run(
            ["losetup", "-f", "--show", str(image)], capture_output=True, text=True, check=False
        )
        device = done.stdout.strip()
        if done.returncode != 0 or not device:
            return done.stderr.strip() or "there is no loop device"
        self._stack.callback(subprocess.run, ["losetup", "-d", device], check=False)
        # The last to be noted is the first to be given back.
        self._stack.callback(unmount, point)
        return ran("mount.exfat-fuse", str(device), str(point))

    def close(self) -> None:
        """Give everything back."""
        self._stack.close()


def unmount(point: Path) -> None:
    """Unmount what is mounted at a folder, if anything is, at once or as soon as it can be."""
    if str(point) in mounted_points() and ran("umount", str(point)):
        ran("umount", "-l", str(point))


def mounted_points() -> set[str]:
    """The folders that something is mounted at, also where its driver has died."""
    lines = Path("/proc/self/mountinfo").read_text("utf-8").splitlines()
    return {line.split(" ")[4] for line in lines}


def end(driver: subprocess.Popen[bytes], point: Path) -> None:
    """Unmount what a driver serves; then it ends by itself, or is ended."""
    unmount(point)
    try:
        driver.wait(SECONDS)
    except subprocess.TimeoutExpired:
        driver.kill()
        driver.wait()
