"""Shared fixtures: nothing outside a temporary folder, a clock that stands still, quick ledgers.

``ledger`` gives every test its own hub and three clones (alice who founded it and is its witness,
james, carol), copied from a template that is built once a process. Keys, clock and texts are
fixed, so commit ids are too.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gitsync.services.host import Host
    from gitsync.services.proposing import Proposed
    from gitsync.services.witness import WitnessReport
    from gitsync.services.workspace import Workspace
    from tests.integration.carrykit import Meeting
    from tests.mountkit import Mounts

START = 1_767_225_600  # 2026-01-01T00:00:00Z
PEOPLE = ("alice", "james", "carol")
WRITE_GOLDEN = "GITSYNC_WRITE_GOLDEN"
_COUNTER = itertools.count()


def _isolate(patch: pytest.MonkeyPatch, home: Path) -> None:
    """HOME, XDG folders and everything git reads point below ``home``; no key, no name is known."""
    home.mkdir(parents=True)
    (home / "templates").mkdir()
    config = f"[init]\n\tdefaultBranch = main\n\ttemplateDir = {home / 'templates'}\n"
    (home / ".gitconfig").write_text(config)
    for name in list(os.environ):
        if name.startswith(("GIT_", "GITSYNC_", "SSH_", "XDG_")) and name != WRITE_GOLDEN:
            patch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR", "PAGER", "LESS", "COLUMNS", "EMAIL"):
        patch.delenv(name, raising=False)
    patch.setenv("HOME", str(home))
    patch.setenv("XDG_STATE_HOME", str(home / "state"))
    patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    patch.setenv("LC_ALL", "C.UTF-8")
    patch.setenv("TZ", "UTC")


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def isolated(_homes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A HOME of its own for every test; returned for those who want to look into it."""
    home = _homes / str(next(_COUNTER))
    _isolate(monkeypatch, home)
    return home


@dataclass
class Clock:
    """Seconds since the epoch and a monotonic clock that move only when a test says so."""

    seconds: float = START
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def tick(self, seconds: float = 60) -> None:
        self.seconds += seconds


@dataclass
class FakeRandom:
    """Bytes that look random and are the same in every run."""

    seed: str = "gitsync"
    drawn: int = 0

    def __call__(self, count: int) -> bytes:
        self.drawn += 1
        return hashlib.shake_256(f"{self.seed}/{self.drawn}".encode()).digest(count)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def new_host(cwd: Path, clock: Clock, random: Callable[[int], bytes] | None = None) -> Host:
    """A host in ``cwd`` with a fake clock, fixed randomness and this test's HOME."""
    from gitsync.services.host import Host

    return Host(
        cwd=cwd,
        env=os.environ,
        home=Path(os.environ["HOME"]),
        now=clock.now,
        random=random or FakeRandom(),
        sleep=clock.sleep,
        monotonic=clock.now,
    )


@pytest.fixture
def make_host(clock: Clock) -> Callable[[Path], Host]:
    random = FakeRandom()
    return lambda cwd: new_host(cwd, clock, random)


def write_key(folder: Path, name: str) -> Path:
    """An Ed25519 key that follows from its name: ``folder/name.key`` and ``name.key.pub``."""
    from nacl.bindings import crypto_sign_seed_keypair

    from gitsync.codec.sshkeys import encode_private, encode_public, from_ed25519_bytes

    seed = hashlib.sha256(f"a worthless test key: {name}".encode()).digest()
    public = from_ed25519_bytes(crypto_sign_seed_keypair(seed)[0], name)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.key"
    path.write_bytes(encode_private(seed, public, 7))
    path.chmod(0o600)
    Path(f"{path}.pub").write_bytes(encode_public(public) + b"\n")
    return path


@pytest.fixture
def make_key(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: write_key(tmp_path / "keys", name)


@dataclass(frozen=True)
class Ran:
    """How a command ended: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, text: str = "", *, tty: bool = False) -> None:
        super().__init__(text)
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty


def run_cli(
    host: Host,
    *args: str,
    answers: str = "",
    tty: bool = False,
    env: Mapping[str, str] | None = None,
) -> Ran:
    """Run a command line in this process with ``host`` as the world outside."""
    from gitsync.cli.main import run
    from gitsync.cli.output import Streams

    out, err = Terminal(tty=tty), Terminal(tty=tty)
    streams = Streams(Terminal(answers, tty=tty), out, err)
    if env:
        host = replace(host, env={**host.env, **env})
    code = run(list(args), streams, host)
    return Ran(code, out.getvalue(), err.getvalue())


@pytest.fixture
def cli(make_host: Callable[[Path], Host]) -> Callable[..., Ran]:
    """Run a command line in a folder: ``cli(folder, "status", "--json")``."""
    return lambda cwd, *args, **more: run_cli(make_host(cwd), *args, **more)


@dataclass
class Ledger:
    """A hub and clones that share it. ``root`` holds ``hub.git``, ``keys/`` and a folder each."""

    root: Path
    clock: Clock
    random: FakeRandom = field(default_factory=FakeRandom)

    @property
    def hub(self) -> Path:
        return self.root / "hub.git"

    @property
    def anchor(self) -> str:
        return self.ws("alice").ledger()

    def folder(self, name: str) -> Path:
        return self.root / name

    def key(self, name: str) -> Path:
        return write_key(self.root / "keys", name)

    def host(self, name: str = "alice") -> Host:
        return new_host(self.folder(name), self.clock, self.random)

    def ws(self, name: str = "alice") -> Workspace:
        from gitsync.services.workspace import Workspace

        return Workspace.open(self.host(name))

    def cli(self, name: str, *args: str, answers: str = "", tty: bool = False, **env: str) -> Ran:
        return run_cli(self.host(name), *args, answers=answers, tty=tty, env=env)

    def write(self, name: str, path: str, text: str) -> Path:
        file = self.folder(name) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def propose(self, name: str, path: str, text: str, slug: str, message: str = "") -> Proposed:
        """Write a file and propose it as one person."""
        from gitsync.services.proposing import ProposeOptions, propose

        self.write(name, path, text)
        options = ProposeOptions(message=message or f"Change {path}", slug=slug)
        return propose(self.ws(name), options)

    def witness(self) -> WitnessReport:
        from gitsync.services.witnessing import WitnessOptions, run_once

        return run_once(self.ws("alice"), WitnessOptions())

    def clash(self) -> WitnessReport:
        """alice's ``c`` lands with a file that james's ``clash`` has too: refused."""
        self.clock.tick()
        self.propose("alice", "notes/c.md", "A\n", "c")
        self.clock.tick()
        self.propose("james", "notes/c.md", "B\n", "clash")
        return self.witness()

    def pull(self, *names: str) -> None:
        from gitsync.services.pulling import pull

        for name in names:
            pull(self.ws(name))


def _found(root: Path) -> None:
    """The template: a hub, and clones of people who are on the roster from ``common@1`` on."""
    from gitsync.services.founding import InitOptions, init
    from gitsync.services.joining import JoinOptions, join
    from gitsync.storage import gitcli

    clock, random = Clock(), FakeRandom("template")
    keys = {name: write_key(root / "keys", name) for name in PEOPLE}
    gitcli.run(["init", "--quiet", "--bare", str(root / "hub.git")])
    (root / "alice").mkdir()
    members = tuple((name, Path(f"{keys[name]}.pub")) for name in PEOPLE[1:])
    # A relative address, so that no temporary path becomes part of a commit id.
    options = InitOptions(
        name="alice", remote="../hub.git", key=str(keys["alice"]), members=members
    )
    init(new_host(root / "alice", clock, random), options)
    for name in PEOPLE[1:]:
        wanted = JoinOptions(url="hub.git", name=name, folder=name, key=str(keys[name]))
        join(new_host(root, clock, random), wanted)


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        _isolate(patch, root / "home")
        _found(root)
        yield root


@pytest.fixture
def ledger(_template: Path, tmp_path: Path, clock: Clock) -> Ledger:
    """A fresh copy of the template in this test's folder."""
    root = tmp_path / "ledger"
    shutil.copytree(_template, root, ignore=shutil.ignore_patterns("home"))
    for name in PEOPLE:
        config = root / name / ".git" / "config"
        config.write_text(config.read_text().replace(str(_template), str(root)))
    return Ledger(root, clock)


@pytest.fixture(scope="session")
def _meeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    from tests.integration.carrykit import build

    root = tmp_path_factory.mktemp("meeting")
    with pytest.MonkeyPatch.context() as patch:
        _isolate(patch, root / "home")
        build(root)
        yield root


@pytest.fixture
def meeting(_meeting: Path, tmp_path: Path, clock: Clock) -> Meeting:
    """A fresh copy of people without a network; see tests/integration/carrykit.py."""
    from tests.integration.carrykit import copy

    return copy(_meeting, tmp_path / "meeting", clock)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounts]:
    """Mount an empty disk of a kind, or skip with the reason: ``mounted("vfat")``; unmounted again
    however the test ends."""
    from tests.mountkit import Mounts

    mounts = Mounts(tmp_path)
    try:
        yield mounts
    finally:
        mounts.close()
