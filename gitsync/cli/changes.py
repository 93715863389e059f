"""Changed artifacts as lines and as JSON: field by field, the body as unified lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gitsync.cli.text import clean

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.history import ArtifactDiff

_NOTHING = "(nothing)"


def value(found: object) -> str:
    """A field's value in a line."""
    if found is None or found in ("", [], {}):
        return _NOTHING
    if isinstance(found, list) and not any(isinstance(one, (list, dict)) for one in found):
        return ", ".join(map(str, found))
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, default=str)


def kind_of(change: ArtifactDiff) -> str:
    """``new``, ``gone``, ``moved`` or ``changed``."""
    if change.before is None:
        return "new"
    if change.after is None:
        return "gone"
    same = change.before.raw == change.after.raw
    return "moved" if same and change.before.path != change.after.path else "changed"


def field_lines(app: App, change: ArtifactDiff, indent: str = "  ") -> None:
    """Where it lies, if that changed, and each field: ``status: draft -> committed``."""
    if change.before and change.after and change.before.path != change.after.path:
        app.out.wrapped(f"{change.before.path} -> {change.after.path}", indent * 2, indent)
    for one in change.fields:
        before, after = value(one.before), value(one.after)
        # All of one that is new or gone is so: the arrow would say the same in each line.
        said = after if change.before is None else before
        if change.before and change.after:
            said = f"{before} -> {after}"
        app.out.wrapped(f"{clean(one.name)}: {said}", indent * 2, indent)


def body_lines(app: App, change: ArtifactDiff, indent: str = "  ") -> None:
    """The body's changed lines; what changed where no field and no line did."""
    found = change.body()
    app.out.block("\n".join(found), indent)
    if found or change.fields or not (change.before and change.after):
        return
    before, after = change.before.raw, change.after.raw
    if before != after:
        same = before.replace(b"\r\n", b"\n") == after.replace(b"\r\n", b"\n")
        app.out.line(indent + ("only its line ends" if same else "only how its fields are written"))


def change_json(change: ArtifactDiff, *, body: bool) -> dict[str, object]:
    """One changed artifact of a JSON document."""
    found: dict[str, object] = {
        "id": change.id,
        "change": kind_of(change),
        "path": change.after.path if change.after else None,
        "old-path": change.before.path if change.before else None,
        "fields": [
            {"name": one.name, "before": one.before, "after": one.after} for one in change.fields
        ],
    }
    return {**found, "body": change.body()} if body else found
