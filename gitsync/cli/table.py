"""Every command with its short help: ``gitsync --help`` reads only this, and imports none."""

from __future__ import annotations

# (section, {name: (module below gitsync.cli.commands, short help)})
SECTIONS: tuple[tuple[str, dict[str, tuple[str, str]]], ...] = (
    (
        "Begin",
        {
            "init": ("init", "Found a ledger in this folder."),
            "join": ("join", "Clone a ledger and ask to be admitted."),
            "id": ("id", "The key that you sign with: new, show, use."),
            "roster": ("roster", "Who may sign: list, requests, admit, add, remove."),
        },
    ),
    (
        "Work",
        {
            "new": ("new", "Write a new artifact from its template."),
            "import": ("importing", "Make artifacts of Markdown that is there."),
            "show": ("show", "Show one artifact, now or at a position."),
            "list": ("list", "List artifacts, all or those that a query names."),
            "ready": ("ready", "What can be done now: nothing unfinished before it."),
            "claim": ("claim", "Say that you work on something, as a proposal."),
            "blocked": ("blocked", "What has to wait, and for what."),
            "graph": ("graph", "How artifacts hang together."),
            "diff": ("diff", "What changed, artifact by artifact and field by field."),
            "state": ("state", "Put an artifact into another state."),
            "fmt": ("fmt", "Write front matter in canonical form."),
            "snapshot": ("snapshot", "Sign your files as your next numbered snapshot."),
            "status": ("status", "Where you stand, and what to do next."),
            "resolve": ("resolve", "Settle what a merge left in conflict."),
        },
    ),
    (
        "Agree",
        {
            "propose": ("propose", "Submit your change to the witness."),
            "proposals": ("proposals", "List the proposals and their answers."),
            "receipt": ("receipt", "Show the witness's answer to a proposal."),
            "approve": ("approve", "Sign your consent to a proposal."),
            "withdraw": ("withdraw", "Take a proposal back for good."),
        },
    ),
    (
        "Exchange",
        {
            "pull": ("pull", "Fetch, verify and take over what is new."),
            "push": ("push", "Send what is yours and was not sent yet."),
            "sync": ("sync", "Pull, then push."),
            "bundle": ("bundle", "Carry all of it on sticks: create, inspect, verify, import."),
            "watch": ("watch", "Tell what changes, here and elsewhere, as it happens."),
            "lock": ("lock", "Leases: acquire, renew, release, list, requests, answer."),
            "pin": ("pin", "Hold your files at one position."),
            "export": ("export", "Write a snapshot as plain files with checksums."),
        },
    ),
    (
        "Check",
        {
            "log": ("log", "The numbered history, of all or of one artifact."),
            "trace": ("trace", "Everything that touched one artifact."),
            "lint": ("lint", "What is wrong with the artifacts of a folder."),
            "verify": ("verify", "Prove the ledger: signatures, numbers, every merge."),
            "doctor": ("doctor", "Find what is torn or unprotected, and mend it."),
            "hooks": ("hooks", "Git's hooks, in a clone or a home: install, uninstall, status."),
            "witness": ("witness", "Decide proposals and number snapshots: run, install-ci."),
        },
    ),
    (
        "Help",
        {
            "help": ("help", "Explain a command."),
            "completion": ("completion", "Print the completion script for a shell."),
        },
    ),
)

#: Commands that read the files of the work tree: git is asked about them before anything else.
READ_FILES = frozenset({"list", "ready", "blocked", "graph", "show"})

COMMANDS = {name: entry for _, part in SECTIONS for name, entry in part.items()}
