"""``id``: the key of a person or clone. Which one signs here, a new one, another one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.codec.sshkeys import encode_public
from gitsync.domain.errors import EnvironmentFault, GitsyncError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import check_domain
from gitsync.storage import gitcli
from gitsync.storage.keys import find_key, generate, read_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitsync.domain.roster import PublicKey
    from gitsync.services.host import Host
    from gitsync.services.workspace import Workspace
    from gitsync.storage.keys import KeyChoice


@frozen
class Identity:
    """A key as it would sign here. ``source`` is the setting that chose it, ``path`` its file if it
    has one; ``encrypted`` says that a passphrase is asked for. ``names`` are the domains that the
    verified roster gives it, None outside a ledger; ``domain`` is what this clone is called."""

    key: PublicKey
    source: str
    path: Path | None
    encrypted: bool
    domain: str | None = None
    names: tuple[str, ...] | None = None

    @property
    def public_line(self) -> str:
        """The public key as one line of a ``.pub`` file."""
        return encode_public(self.key).decode("utf-8", "replace").strip()


def _open(host: Host) -> Workspace | None:
    from gitsync.services.workspace import Workspace

    try:
        return Workspace.open(host)
    except EnvironmentFault as error:
        if error.code != "repo.missing":
            raise
        return None


def setting(host: Host, ws: Workspace | None) -> Callable[[str], str | None]:
    """Reads a setting of git: of a clone, or, outside of any, of the user."""
    if ws is not None:
        return ws.repo.config

    def ask_git(name: str) -> str | None:
        done = gitcli.run(["config", "--get", name], cwd=host.cwd, check=False)
        return done.out.decode("utf-8", "replace").rstrip("\n") if done.code == 0 else None

    return ask_git


def show(host: Host, explicit: str | None = None) -> Identity:
    """The key that signs in the host's folder. Raises EnvironmentFault ``key.*``."""
    ws = _open(host)
    choice = find_key(explicit, setting(host, ws), host.env, host.home)
    found = read_key(choice)
    names = None
    if ws is not None and ws.position() is not None:
        entry = ws.settings().roster.key(found.public.blob)
        names = entry.names if entry is not None else ()
    return Identity(
        found.public, choice.source, found.path or choice.path, found.encrypted,
        ws.domain if ws is not None else None, names,
    )  # fmt: skip


def new(host: Host, path: str | None = None, comment: str | None = None) -> Identity:
    """Make an Ed25519 key at ``path``, or where ssh keeps it; never overwrites one.

    Raises EnvironmentFault ``key.exists``, ``key.unwritable``.
    """
    file = host.home / ".ssh" / "id_ed25519" if path is None else host.cwd / Path(path).expanduser()
    if file.exists() or Path(f"{file}.pub").exists():
        raise EnvironmentFault(
            "key.exists", f"{file} exists already",
            hint="that key will do: gitsync id show\nor make another: gitsync id new PATH",
        )  # fmt: skip
    public = generate(file, comment or default_name(host) or "gitsync")
    return Identity(public, "new", file, encrypted=False)


def use(host: Host, key: str) -> Identity:
    """Sign with another key in this clone from now on; plain git's settings follow.

    Raises EnvironmentFault ``domain.none`` outside a ledger, and ``key.*``.
    """
    from gitsync.services.clonesetup import configure

    ws = _open(host)
    if ws is None or ws.domain is None:
        raise EnvironmentFault(
            "domain.none", "this folder is not set up for gitsync",
            hint=f"name the key where you begin: gitsync init --key {key}\n"
            f"or: gitsync join URL DIR --name YOU --key {key}",
        )  # fmt: skip
    choice = _absolute(find_key(key, ws.repo.config, host.env, host.home), host)
    found = read_key(choice)
    configure(ws.repo, ws.domain, choice, found.public)
    # An older choice of ours would win over git's own setting, which has just been written.
    ws.repo.unset_config("gitsync.key")
    return show(host)


def _absolute(choice: KeyChoice, host: Host) -> KeyChoice:
    from dataclasses import replace

    return choice if choice.path is None else replace(choice, path=host.cwd / choice.path)


def default_name(host: Host) -> str | None:
    """A name for the person at this machine, from git's settings or the system; None if neither
    makes one that a domain may have."""
    try:
        said = setting(host, _open(host))("user.name") or ""
    except GitsyncError:
        said = ""
    for text in (said, host.env.get("USER", ""), host.env.get("LOGNAME", "")):
        name = re.sub(r"[^a-z0-9]+", "-", text.lower())[:39].strip("-")
        if not name or name == "root":
            continue
        try:
            return check_domain(name)
        except UsageError:
            continue
    return None
