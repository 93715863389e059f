"""Claims prepared where the home could not be reached: files that the next push sends."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen
from gitsync.storage.durable import make_folder, remove_file, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.services.workspace import Workspace


@frozen
class Claim:
    """A lease to be asked for; it is none before the home has it. The nonce makes sending it twice
    the same as once."""

    nonce: str
    subjects: tuple[str, ...]
    seconds: int
    note: str = ""
    on_request: str = "ask"
    escalate: tuple[str, ...] = ()


def _folder(ws: Workspace) -> Path:
    return ws.repo.state_dir / "claims"


def keep_claim(ws: Workspace, claim: Claim) -> None:
    """Keep a claim; one for the same subjects takes the place of an earlier one."""
    for earlier in kept_claims(ws):
        if earlier.subjects == claim.subjects:
            forget_claim(ws, earlier)
    make_folder(_folder(ws))
    data = json.dumps(asdict(claim), indent=1).encode() + b"\n"
    write_atomic(_folder(ws) / f"{claim.nonce}.json", data)


def kept_claims(ws: Workspace) -> list[Claim]:
    """The claims that wait to be sent, in the order of their names. A torn file is none."""
    found: list[Claim] = []
    folder = _folder(ws)
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            raw = json.loads(path.read_bytes())
            found.append(
                Claim(
                    str(raw["nonce"]), tuple(map(str, raw["subjects"])), int(raw["seconds"]),
                    str(raw["note"]), str(raw["on_request"]), tuple(map(str, raw["escalate"])),
                )
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def forget_claim(ws: Workspace, claim: Claim) -> None:
    """Drop a claim that was answered."""
    path = _folder(ws) / f"{claim.nonce}.json"
    if path.exists():
        remove_file(path)
