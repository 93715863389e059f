"""A runner of a forge: the very text of a CI file's steps, run by bash in an empty environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ruamel.yaml import YAML

from gitsync import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
SECONDS = 120


def wheel(folder: Path) -> Path:
    """This checkout as a wheel (PyPA: binary distribution format), without a network or a build."""
    info = f"gitsync-{__version__}.dist-info"
    path = folder / f"gitsync-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted((ROOT / "gitsync").rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, file.relative_to(ROOT).as_posix())
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: gitsync\nVersion: {__version__}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(
            f"{info}/entry_points.txt", "[console_scripts]\ngitsync = gitsync.cli.main:entry\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def steps(forge: str, text: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Of a file with the key: step -> (shell text, environment that the file gives it)."""
    document = YAML(typ="safe").load(text)
    if forge == "gitlab":
        job = document["gitsync-witness"]
        env = job["variables"]
        return {"install": (job["before_script"][0], env), "witness": (job["script"][0], env)}
    found = document["jobs"]["witness"]["steps"]
    return {one["name"].lower(): (one["run"], one["env"]) for one in found if "run" in one}


@dataclass
class Ran:
    """How a step ended."""

    code: int
    out: str
    err: str


@dataclass
class Runner:
    """One machine of a forge, as empty as its image: git, ssh, Python, and what ``install`` made.

    ``work`` is the job's folder. ``secrets`` are what the forge holds for the job.
    """

    forge: str
    text: str
    work: Path
    secrets: Mapping[str, str] = field(default_factory=dict)
    path: str = ""

    def env(self, step: str) -> dict[str, str]:
        """The whole environment of a step: nothing of this process but where programs are."""
        given = {**steps(self.forge, self.text)[step][1]}
        if self.forge == "gitlab":
            given |= self.secrets
        for name, value in given.items():
            inner = value.removeprefix("${{ secrets.").removesuffix(" }}")
            given[name] = self.secrets.get(inner, "") if inner != value else value
        return {
            "PATH": self.path or f"{self._python()}:/usr/bin:/bin",
            "HOME": str(self.work / "home"),
            # The packages that ours needs, and pip kept from asking for them.
            "PYTHONPATH": next(p for p in sys.path if p.endswith("site-packages")),
            "PIP_NO_INDEX": "1",
            "PIP_NO_DEPS": "1",
            **given,
            "GITSYNC_WORK": str(self.work),
        }

    def _python(self) -> str:
        folder = self.work / "bin"
        folder.mkdir(parents=True, exist_ok=True)
        (self.work / "home").mkdir(exist_ok=True)
        if not (folder / "python3").exists():
            (folder / "python3").symlink_to(sys._base_executable)
        return str(folder)

    def start(self, step: str, **extra: str) -> subprocess.Popen[bytes]:
        """Begin a step in a process group of its own."""
        script = steps(self.forge, self.text)[step][0]
        file = self.work / f"{step}.sh"
        env = {**self.env(step), **extra}
        file.write_text(script)
        return subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", file], env=env, cwd=self.work,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip

    def run(self, step: str, **extra: str) -> Ran:
        return ended(self.start(step, **extra))


def ended(process: subprocess.Popen[bytes]) -> Ran:
    out, err = process.communicate(timeout=SECONDS)
    return Ran(process.returncode, out.decode(), err.decode())


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9 for the step and all that it has started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=SECONDS)
