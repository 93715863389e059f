"""``witness install-ci``: the files with which a forge's CI runs the witness.

They belong where no proposal reaches: on the forge's default branch, never in the ledger's own
files, where the policy denies such paths (docs/adr/0022).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.codec.cifiles import CRON, IMAGE, MARKER, CiSettings, ci_files, notice_files
from gitsync.codec.knownhosts import STANDARD_PORT, host_lines
from gitsync.domain.errors import EnvironmentFault, RefusedError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex
from gitsync.services import clonesetup
from gitsync.services.workspace import Workspace
from gitsync.storage.durable import make_folder, write_atomic
from gitsync.storage.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.services.host import Host

_SSH = late_regex(
    r"ssh://(?:[^/@]+@)?(?P<host>[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?/.+"
    r"|(?:[^/:@]+@)?(?P<short>[A-Za-z0-9.-]+):(?!//).+"
)
_ANCHOR = late_regex("[0-9a-f]{40}")


@frozen
class CiOptions:
    """What ``install-ci`` was asked for.

    ``to`` is the folder that the files go into; without it they go into the code repository beside
    whose code the ledger lies. ``home`` and ``anchor`` name another ledger than this clone's.
    ``notice`` asks for the file without a key alone. ``dry_run`` writes nothing.
    """

    forge: str
    to: str | None = None
    install: str | None = None
    home: str | None = None
    anchor: str | None = None
    cron: str = CRON
    branch: str = "main"
    image: str = IMAGE
    known_hosts: str | None = None
    remember: bool = False
    notice: bool = False
    dry_run: bool = False


@frozen
class CiFile:
    """One file: its path below the folder, what became of it, its text. ``state`` is ``written``,
    ``replaced`` (an earlier one of ours), ``unchanged``, or ``shown`` in a dry run."""

    path: str
    state: str
    text: str


@frozen
class CiInstalled:
    """What was written where, for which ledger (None with the notice alone), and the names of the
    secrets that the job needs."""

    forge: str
    folder: Path | None
    home: str | None
    anchor: str | None
    files: tuple[CiFile, ...]
    secrets: tuple[str, ...]


def install_ci(host: Host, options: CiOptions) -> CiInstalled:
    """Write the CI configuration for one forge, and read it back.

    Raises UsageError ``ci.*`` for what cannot be meant, RefusedError ``ci.foreign`` when another
    file stands there, ``ci.ledger-tree`` and ``ci.same-repository`` for places where proposals
    reach; nothing has been written then.
    """
    home, anchor, secrets = None, None, ()
    if options.notice:
        if options.forge != "github":
            raise UsageError("ci.notice", f"{options.forge} has no use for a notice: see its guide")
        files: Mapping[str, str] = notice_files()
    else:
        settings = _settings(host, options)
        home, anchor = settings.home, settings.anchor
        secrets = ("GITSYNC_KEY", *(("GITSYNC_PUSH_KEY",) if settings.known_hosts else ()))
        files = ci_files(options.forge, settings)
    if options.dry_run:
        shown = tuple(CiFile(path, "shown", text) for path, text in files.items())
        return CiInstalled(options.forge, None, home, anchor, shown, secrets)
    folder = _folder(host, options)
    _refuse_within_reach(folder, options.forge, home)
    states = {path: _state(folder, path, text) for path, text in files.items()}
    for path, text in files.items():
        if states[path] != "unchanged":
            _write(folder / path, text)
    written = tuple(CiFile(path, states[path], text) for path, text in files.items())
    return CiInstalled(options.forge, folder, home, anchor, written, secrets)


def _settings(host: Host, options: CiOptions) -> CiSettings:
    if options.install is None:
        raise UsageError(
            "ci.install", "which gitsync shall the job install?",
            hint="name one commit or one digest:\n"
            "--install 'gitsync @ git+https://HOST/TEAM/gitsync@COMMIT'",
        )  # fmt: skip
    if options.remember and options.forge == "forgejo":
        raise UsageError(
            "ci.remember", "on Forgejo the position is remembered by a volume of the runner",
            hint="see docs/guides/forgejo.md",
        )  # fmt: skip
    home, anchor = _ledger(host, options)
    return CiSettings(
        home=home,
        anchor=anchor,
        install=options.install,
        cron=options.cron,
        branch=options.branch,
        image=options.image,
        known_hosts=_known_hosts(host, options, home),
        remember=options.remember,
    )


def _ledger(host: Host, options: CiOptions) -> tuple[str, str]:
    """The address of the home and the anchor: as given, or this clone's."""
    if (options.home is None) != (options.anchor is None):
        raise UsageError("ci.ledger", "--home and --anchor go together")
    if options.home is not None and options.anchor is not None:
        if not _ANCHOR.fullmatch(options.anchor):
            raise UsageError("anchor.malformed", "--anchor takes the full 40 digits of a commit id")
        return clonesetup.absolute(host.cwd, options.home), options.anchor
    ws = Workspace.open(host)
    anchor = ws.ledger()
    url = ws.repo.config(f"remote.{ws.remote}.url") if ws.remote is not None else None
    if url is None:
        raise UsageError(
            "ci.no-home", "this repository is itself the ledger's home, and no forge is",
            hint="name the forge's address: --home git@HOST:TEAM/LEDGER.git --anchor " + anchor,
        )  # fmt: skip
    return clonesetup.absolute(ws.repo.work_tree or ws.repo.git_dir, url), anchor


def _known_hosts(host: Host, options: CiOptions, home: str) -> tuple[str, ...]:
    """The host keys that the job will accept, for an address of SSH; none for a folder."""
    if home.startswith(("/", "file:///")):
        return ()
    ssh = _SSH.fullmatch(home)
    if ssh is None:
        raise UsageError(
            "ci.address", f"the job pushes with a deploy key, and {home} is not reached by SSH",
            hint="name the SSH address: --home git@HOST:TEAM/LEDGER.git --anchor COMMIT",
        )  # fmt: skip
    name, port = ssh["host"] or ssh["short"], int(ssh["port"] or STANDARD_PORT)
    given = options.known_hosts
    file = host.cwd / given if given is not None else host.home / ".ssh" / "known_hosts"
    try:
        lines = host_lines(file.read_bytes(), name, port)
    except OSError:
        lines = ()
    if not lines:
        raise UsageError(
            "ci.host-key", f"{file} has no key of {name}: the job would not know whom it talks to",
            hint=f"connect once and compare what is shown with what the forge publishes:\n"
            f"ssh -T git@{name}\nor name a file: --known-hosts FILE",
        )  # fmt: skip
    return lines


def _folder(host: Host, options: CiOptions) -> Path:
    if options.to is not None:
        folder = (host.cwd / Path(options.to).expanduser()).resolve()
        if not folder.is_dir():
            raise EnvironmentFault("folder.missing", f"there is no folder {folder}")
        return folder
    try:
        repo = Repository.open(host.cwd)
    except EnvironmentFault as error:
        if error.code != "repo.missing":
            raise
        repo = None
    if repo is None or repo.work_tree is None or repo.config("gitsync.path") is None:
        raise UsageError(
            "ci.where", "which folder? it has to be a checkout of the forge's default branch",
            hint="gitsync witness install-ci FORGE --to DIR",
        )  # fmt: skip
    return repo.work_tree.resolve()


def _refuse_within_reach(folder: Path, forge: str, home: str | None) -> None:
    """Refuse the ledger's own files, and on Forgejo any clone of its repository."""
    try:
        repo = Repository.open(folder)
    except EnvironmentFault as error:
        if error.code != "repo.missing":
            raise
        return
    linked = repo.config("gitsync.path")
    if repo.config("gitsync.anchor") and (linked is None or clonesetup.is_linked(repo)):
        raise RefusedError(
            "ci.ledger-tree", f"{folder} holds the ledger's own files, where CI paths are denied",
            hint="name a checkout of the forge's default branch: --to DIR\n"
            "a new one: git init -b main ../ci",
        )  # fmt: skip
    if forge != "forgejo" or home is None:
        return
    done = repo.git("config", "--get-regexp", r"^remote\..*\.url$", check=False)
    for line in done.out.decode("utf-8", "replace").splitlines():
        url = line.partition(" ")[2]
        if clonesetup.absolute(repo.work_tree or repo.git_dir, url) == home:
            raise RefusedError(
                "ci.same-repository",
                "Forgejo gives the secrets of a repository to every branch that is pushed to it,"
                f" and proposals are pushed to {home}",
                hint="keep the witness in a repository of its own: --to DIR, a clone of that one",
            )


def _state(folder: Path, path: str, text: str) -> str:
    """What will become of a file. Raises RefusedError ``ci.foreign`` if it is not ours."""
    file = folder / path
    if not file.resolve().is_relative_to(folder):
        raise RefusedError("ci.foreign", f"{file} lies behind a link that leads elsewhere")
    try:
        there = file.read_bytes()
    except FileNotFoundError:
        return "written"
    except OSError as error:
        raise RefusedError("ci.foreign", f"{file} cannot be read: {error.strerror}") from error
    if there == text.encode():
        return "unchanged"
    if there.startswith(MARKER.encode()):
        return "replaced"
    raise RefusedError(
        "ci.foreign", f"{file} is there already, and gitsync did not write it",
        hint="look at what it would be: gitsync witness install-ci FORGE --print",
    )  # fmt: skip


def _write(file: Path, text: str) -> None:
    make_folder(file.parent)
    write_atomic(file, text.encode())
    if file.read_bytes() != text.encode():
        raise EnvironmentFault("file.not-written", f"{file} does not hold what was written")
