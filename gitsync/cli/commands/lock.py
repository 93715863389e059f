"""``gitsync lock``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitsync.cli import completing, leasing
from gitsync.cli.group import Group
from gitsync.cli.options import argument, define, duration_option, flag, moment_option, option

if TYPE_CHECKING:
    from collections.abc import Sequence

_VERDICTS = click.Choice(["allow", "deny", "wait"])
_NO_FETCH = flag("--no-fetch", help="Do not ask the home; show what was seen last.")


def _choice(name: str, values: Sequence[str], help: str) -> click.Option:  # noqa: A002
    return click.Option([name], type=click.Choice(values), help=help)


command = Group(
    "lock",
    help="Hold artifacts for a while, so that others wait or ask.",
    example="gitsync lock acquire tree:plan-k7x --note 'splitting it'\n"
    "gitsync lock acquire --next 'type:story is:open'\n"
    "gitsync lock release",
)
command.add_command(
    define(
        "acquire",
        leasing.run_acquire,
        leasing.Acquire,
        help="""Take a lease on subjects, all of them or none.

        A subject is an id, tree:ID (it and all below it), ids:A,B, path:'GLOB' or
        query:'TERMS'. Reading stays free; what others propose into it waits.""",
        example="gitsync lock acquire tree:plan-k7x --for 4h\n"
        "gitsync lock acquire --next 'type:task is:open'\n"
        "gitsync lock acquire 'path:plans/2026/**' --on-request deny --note 'audit'",
        params=(
            argument("subjects", "[SUBJECT]...", many=True, complete=completing.artifacts),
            option("--next", "next_query", metavar="QUERY",
                   help="Take the first artifact that this query finds and nobody holds."),
            duration_option("--for", "seconds",
                            help="How long it lasts without a sign of you: 90m, 4h, 2d; 2h if"
                            " not said."),
            option("--note", metavar="TEXT", help="What you hold it for; others see it."),
            _choice("--on-request", ["ask", "allow", "deny", "wait"],
                    "What others get who propose into it; you are asked if not said."),
            option("--escalate-to", metavar="NAME", many=True, complete=completing.members,
                   help="Who may answer in your place when you do not."),
            moment_option("--offline-until", "DATE", "Hold it until then, away from the network."),
        ),
    )
)  # fmt: skip
command.add_command(
    define(
        "renew", leasing.run_renew, leasing.Nothing,
        help="""Tell the witness that you are at work: one heartbeat for all your leases.

        Commands do it by themselves when it is time.""",
        example="gitsync lock renew",
    )
)  # fmt: skip
command.add_command(
    define(
        "release",
        leasing.run_release,
        leasing.Release,
        help="Give back leases of yours; without names all that this clone holds.",
        example="gitsync lock release\ngitsync lock release plan-k7x",
        params=(argument("texts", "[LEASE]...", many=True, complete=completing.artifacts),),
    )
)
command.add_command(
    define(
        "break",
        leasing.run_break,
        leasing.Break,
        help="End somebody else's lease at once, which takes the role for it.",
        example="gitsync lock break 12 --reason 'on holiday, and it blocks the release'",
        params=(
            argument("text", "LEASE"),
            click.Option(["--reason"], metavar="TEXT", required=True, help="Why; it is kept."),
        ),
    )
)
command.add_command(
    define(
        "list",
        leasing.run_list,
        leasing.Look,
        help="Who holds what, for how long, and why.",
        example="gitsync lock list\ngitsync lock list --mine\ngitsync lock list --on plan-k7x",
        params=(
            flag("--mine", help="Only what this clone holds."),
            flag("--stale", help="Only what has lapsed."),
            option("--on", metavar="ID", help="Only what covers this artifact.",
                   complete=completing.artifacts),
            _NO_FETCH,
        ),
    )
)  # fmt: skip
command.add_command(
    define(
        "show",
        leasing.run_show,
        leasing.Look,
        help="All of one lease, by token, subject or an artifact in it.",
        example="gitsync lock show 12",
        params=(argument("text", "LEASE"), _NO_FETCH),
    )
)
command.add_command(
    define(
        "who",
        leasing.run_who,
        leasing.Look,
        help="Who holds an artifact or a path; exit code 1 if it is somebody else.",
        example="gitsync lock who plan-k7x\ngitsync lock who plans/launch.md",
        params=(argument("text", "ID|PATH", complete=completing.artifacts), _NO_FETCH),
    )
)
command.add_command(
    define(
        "requests",
        leasing.run_requests,
        leasing.Look,
        help="Who asks for what is leased, in the order of the queue.",
        example="gitsync lock requests --mine",
        params=(flag("--mine", help="Only what you may answer."), _NO_FETCH),
    )
)
command.add_command(
    define(
        "answer",
        leasing.run_answer,
        leasing.Reply,
        help="""Answer a request: allow lets exactly that proposal in, deny refuses it, wait keeps
        it in the queue.""",
        example="gitsync lock answer carol/fix-title allow\n"
        "gitsync lock answer carol/fix wait --until 2026-12-01 -m 'after the audit'",
        params=(
            argument("request", "PROPOSAL", complete=completing.proposals),
            click.Argument(["verdict"], metavar="allow|deny|wait", type=_VERDICTS),
            moment_option("--until", "DATE", "With wait: until then."),
            option("-m", "message", metavar="TEXT", help="What the proposer is told."),
        ),
    )
)  # fmt: skip
