"""``gitsync doctor``."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from gitsync.cli.options import define, flag, option
from gitsync.cli.output import Styled
from gitsync.cli.text import pad, plural
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitsync.cli.app import App
    from gitsync.services.doctoring.doctor import Report
    from gitsync.services.doctoring.finding import Finding

_INDENT = 13


@frozen
class Options:
    """See ``DoctorOptions``."""

    remote: str | None = None
    fix: bool = False
    full: bool = False
    probe: bool = False


def run(app: App, options: Options) -> int:
    """Look, mend if asked to, and say; 1 if anything is still wrong."""
    from gitsync.services.doctoring.doctor import examine
    from gitsync.services.doctoring.examination import DoctorOptions

    wanted = DoctorOptions(options.remote, options.fix, options.full, options.probe)
    report = examine(app.host, wanted)
    if app.json:
        app.out.json(_document(app, report, options))
    else:
        _words(app, report, options)
    return 1 if report.faults else 0


def _words(app: App, report: Report, options: Options) -> None:
    out = app.out
    for area, group in groupby(report.findings, key=lambda one: one.area):
        out.line(Styled(area.capitalize(), "bold"))
        _area(app, list(group), fix=options.fix)
    if report.skipped:
        out.wrapped(f"Not looked at until that is mended: {', '.join(report.skipped)}", "  ", "")
    mended = sum(one.state == "mended" for one in report.findings)
    unknown = sum(one.kind == "cannot tell" for one in report.findings)
    parts = [f"{report.faults} wrong"] if report.faults else []
    parts += [f"{mended} mended"] if mended else []
    parts += [f"{plural(unknown, 'thing')} that cannot be told"] if unknown else []
    if report.faults == 0 and not mended and not unknown:
        out.line("everything is in order")
        return
    out.line(", ".join(parts) if report.faults else f"nothing is wrong now: {', '.join(parts)}")
    if not options.fix and any(one.remedy is not None for one in report.findings):
        out.steps("Next:", [("gitsync doctor --fix", "does what is marked with --fix")])


def _area(app: App, findings: Sequence[Finding], *, fix: bool) -> None:
    """One line a finding; a command that mends several stands below the last of them."""
    out, lead = app.out, " " * (2 + _INDENT)
    for at, one in enumerate(findings):
        state = one.state if one.state != "open" else one.kind
        out.wrapped(one.what, lead, "  " + pad(str(state), _INDENT))
        if one.done is not None:
            out.wrapped(one.done, lead)
        if one.state == "mended":
            continue
        if one.remedy is not None and not fix:
            out.wrapped(f"--fix: {one.remedy.plan}", lead)
        later = findings[at + 1] if at + 1 < len(findings) else None
        if one.mend and (later is None or later.mend != one.mend) and (one.remedy is None or fix):
            for line in one.mend.splitlines():
                out.line(lead + line)


def _document(app: App, report: Report, options: Options) -> dict[str, object]:
    return app.document(
        "doctor",
        findings=[
            {
                "area": one.area,
                "code": one.code,
                "kind": str(one.kind).replace(" ", "-"),
                "subject": one.subject,
                "what": one.what,
                "mend": one.mend.splitlines() if one.mend else [],
                "fix": one.remedy.plan if one.remedy is not None else None,
                "state": str(one.state),
                "done": one.done,
            }
            for one in report.findings
        ],
        wrong=report.faults,
        skipped=list(report.skipped),
        full=options.full,
        probed=options.probe,
    )


command = define(
    "doctor",
    run,
    Options,
    help="""Find what is torn, missing, stale, half-done or unprotected, and mend it.

    Looks at this clone and, by a fetch, at its home; mends nothing without --fix; ends with 1 if
    anything is wrong. --fix heals only what is safe, reads it back, and moves torn files to
    .git/gitsync/damaged instead of deleting them.""",
    example="gitsync doctor\ngitsync doctor --fix\ngitsync doctor --full --remote ../backup.git\n"
    "gitsync doctor --probe",
    params=(
        option("--remote", metavar="R", help="Look at this remote, and heal from it."),
        flag("--fix", help="Mend what can be mended safely."),
        flag("--full", help="Read every object, and prove the ledger again."),
        flag("--probe", help="Ask the remote by pushes that cannot take effect."),
    ),
)
