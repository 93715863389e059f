"""The CI configuration of a forge that runs the witness, as text (docs/adr/0022).

The same two scripts run on every forge: ``install.sh`` without a key, ``witness.sh`` with it. The
forge's file says when, where and with which secrets. Values reach the scripts as environment
variables only; nothing is pasted into shell text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitsync.codec.yamltext_scalars import quote
from gitsync.domain.errors import BugError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex

if TYPE_CHECKING:
    from collections.abc import Mapping

FORGES = ("github", "gitlab", "forgejo")
MARKER = "# Written by gitsync witness install-ci, which writes it again when asked to."
IMAGE = "python:3.13-bookworm"
CRON = "7,22,37,52 * * * *"

GITHUB_NOTICE = ".github/workflows/gitsync-notice.yml"
_FILES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "github": (
        (GITHUB_NOTICE, "github-notice.yml.in"),
        (".github/workflows/gitsync-witness.yml", "github-witness.yml.in"),
    ),
    "gitlab": ((".gitlab-ci.yml", "gitlab.yml.in"),),
    "forgejo": ((".forgejo/workflows/gitsync-witness.yml", "forgejo.yml.in"),),
}

_CRON = late_regex(r"[0-9*/,-]+( [0-9*/,-]+){4}")
_BRANCH = late_regex(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
_IMAGE = late_regex(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,299}")
# What forges expand in values, and what a terminal or a shell would trip over.
_UNSAFE = late_regex(r"[\x00-\x1f\x7f-\x9f$`\u2028\u2029]")
# A version is no pin: the name on PyPI is another project's, and an index may be a third one.
_PINNED = (
    re.compile(r"(?:[\w.-]+ *@ *)?git\+[a-z]+://\S+@[0-9a-f]{40}(?:#\S*)?"),
    re.compile(r"(?:[\w.-]+ *@ *)?\S+#sha256=[0-9a-f]{64}"),
    re.compile(r"/\S+"),
)
_LINE = late_regex(r"@(remember|ssh) (.*)")
_SCRIPT = late_regex(r"( *)@file ([a-z.]+)@")
_VALUE = late_regex(r"@([A-Z_]+)@")


@frozen
class CiSettings:
    """What a forge's file is made of.

    ``home`` is the address that the job fetches from and pushes to, ``anchor`` the id of
    ``common@1``, ``install`` what pip installs, pinned. ``branch`` is the forge's default branch,
    ``known_hosts`` the lines of the home's SSH host keys, empty where it is no SSH address.
    ``remember`` keeps the verified position from run to run. Raises UsageError ``ci.*`` for values
    that would not be what they seem.
    """

    home: str
    anchor: str
    install: str
    cron: str = CRON
    branch: str = "main"
    image: str = IMAGE
    known_hosts: tuple[str, ...] = ()
    remember: bool = False

    def __post_init__(self) -> None:
        for what, value in (("home", self.home), ("installation source", self.install)):
            if not value or len(value) > 2000 or _UNSAFE.search(value):
                raise UsageError("ci.value", f"the {what} {value[:80]!r} cannot stand in a CI file")
        if not _CRON.fullmatch(self.cron):
            raise UsageError(
                "ci.cron",
                f"{self.cron[:80]!r} is no cron line of five fields",
                hint=f"--cron '{CRON}'",
            )
        for what, value, form in (
            ("branch", self.branch, _BRANCH), ("image", self.image, _IMAGE)
        ):  # fmt: skip
            if not form.fullmatch(value):
                raise UsageError("ci.value", f"{value[:80]!r} cannot name the {what}")
        if not any(form.fullmatch(self.install) for form in _PINNED):
            raise UsageError(
                "ci.unpinned",
                f"{self.install[:80]!r} may be another program tomorrow, and the job holds a key",
                hint="name one commit or one digest:\n"
                "--install 'gitsync @ git+https://HOST/TEAM/gitsync@COMMIT'",
            )


def notice_files() -> dict[str, str]:
    """The file that a ledger on GitHub carries from ``common@1`` on: path -> text."""
    return {GITHUB_NOTICE: _fill(_read("github-notice.yml.in"), {"MARKER": MARKER}, {})}


def ci_files(forge: str, settings: CiSettings) -> dict[str, str]:
    """The files of one forge: path below the repository -> text."""
    values = {
        "MARKER": MARKER,
        "HOME": quote(settings.home),
        "ANCHOR": quote(settings.anchor, old='""'),
        "INSTALL": quote(settings.install),
        "CRON": quote(settings.cron, old="''"),
        "BRANCH": settings.branch,
        "IMAGE": quote(settings.image),
        "KNOWN_HOSTS": quote("\n".join(settings.known_hosts), old='""'),
    }
    parts = {"ssh": bool(settings.known_hosts), "remember": settings.remember}
    return {path: _fill(_read(name), values, parts) for path, name in _FILES[forge]}


def _read(name: str) -> str:
    from importlib import resources

    return (resources.files("gitsync") / "ci" / name).read_text("utf-8")


def _fill(template: str, values: Mapping[str, str], parts: Mapping[str, bool]) -> str:
    lines: list[str] = []
    for given in template.splitlines():
        line, part = given, _LINE.fullmatch(given)
        if part is not None:
            if not parts[part[1]]:
                continue
            line = part[2]
        script = _SCRIPT.fullmatch(line)
        if script is not None:
            lines += [f"{script[1]}{one}".rstrip() for one in _read(script[2]).splitlines()]
        else:
            lines.append(_VALUE.sub(lambda found: values[found[1]], line))
    if any(line.startswith("@") for line in lines):
        raise BugError("ci.template", "a part of a CI template was not understood")
    return "\n".join(lines) + "\n"
