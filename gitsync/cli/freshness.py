"""``--fresh``: how old what a command showed is, for each domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli.text import ago, day, pad, width

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.freshness import Heard


def freshness_json(app: App) -> list[dict[str, object]]:
    """The same as a part of a JSON document."""
    from gitsync.codec.receipts import moment
    from gitsync.services.freshness import freshness

    def when(seconds: int | None) -> str | None:
        return None if seconds is None else moment(seconds)

    return [
        {"domain": one.domain, "position": one.position, "stated": when(one.stated),
         "heard": when(one.heard), "source": one.source}
        for one in freshness(app.ledger())
    ]  # fmt: skip


def freshness_lines(app: App) -> None:
    """Lines on standard error, so that results stay results."""
    from gitsync.services.freshness import freshness

    ws = app.ledger()
    found = freshness(ws)
    rows = [(one.position or one.domain, _words(app, one, ws.space)) for one in found]
    wide = max((width(name) for name, _ in rows), default=0) + 2
    app.out.streams.stdout.flush()  # so that this comes last, wherever the two go
    app.out.note("as of:")
    for name, said in rows:
        app.out.note(f"  {pad(name, wide)}{said}")


def _words(app: App, one: Heard, space: str) -> str:
    now = app.host.now()
    stated = day(one.stated) if one.stated is not None else "no date"
    if one.domain == space:
        verified = f"verified {ago(one.heard, now)}" if one.heard is not None else "not verified"
        return f"{verified}, sealed {stated}" if one.stated is not None else verified
    if one.source is None:
        return f"of {stated}, yours"
    asked = ago(one.heard, now) if one.heard is not None else "at an unknown time"
    return f"of {stated}, {one.source} asked {asked}"
