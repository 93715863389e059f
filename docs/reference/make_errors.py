"""Write docs/reference/errors.md from the source: every error code, its words and its exit code.

    python docs/reference/make_errors.py            # write the page
    python docs/reference/make_errors.py --check    # exit 1 when the page is out of date

The source is read, never run. A code is the first text of a call that makes an error, a refusal
or a wait. Where a code is put together at run time (``f"{what}.malformed"``), the parts are named
in ``PARTS`` below; a part that is missing there stops the script.
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from generated import write_or_check

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent / "gitsync"
PAGE = HERE / "errors.md"

CODE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*\.[a-z][a-z0-9]*(?:-[a-z0-9]+)*")

# What each kind of call means to somebody who reads a code.
EXITS = {
    "RefusedError": "1",
    "FormatError": "1",
    "VerificationError": "1",
    "RefsMovedError": "1",
    "RemoteRejectedError": "1",
    "UsageError": "2",
    "EnvironmentFault": "3",
    "GitError": "3",
    "BugError": "70",
    "Violation": "1",
    "Finding": "1",
    "Refusal": "1",
    "Waiting": "1",
    "Subsumed": "0",
    # What a hook and the doctor report, by the exit code of a run that leaves it as it is.
    "Finding": "1",
    "notice": "0",
}
# Codes put together at run time: the text of the moving part -> its values.
PARTS = {
    "what": ("commit", "tag"),
    "area": ("policy", "schema"),
    "self.area": ("policy", "schema"),
    "self._what": ("receipts", "locks"),
    "side": ("receipts", "locks"),
}
# Codes that stand apart from the call that raises them: code -> (words, kind).
APART = {
    "guard.force-push": ("...: force-push accepted", "Finding"),
    "guard.overwriting": ("...: overwriting accepted", "Finding"),
    "guard.deletion": ("...: deletion accepted", "Finding"),
    "key.private-malformed": ("...", "FormatError"),
    "signature.key": ("...", "FormatError"),
    "lease.denied": ("...; it is refused", "Refusal"),
    "lease.unanswered": ("...; it is refused", "Refusal"),
    "queue.received": ("it is in the queue; this run was limited", "Subsumed"),
    "ledger.accepted": ("it is ...@...", "Subsumed"),
    "proposal.withdrawn": ("withdrawn by ...", "Refusal"),
    "proposal.superseded": ("replaced by ...", "Refusal"),
}
# Pairs (code, words) that a module keeps in tables, and what is raised with them.
TABLES = {
    "codec/frontmatter_scan.py": "FormatError",
    "storage/durable.py": "EnvironmentFault",
    "cli/failures.py": "EnvironmentFault",
}
# Texts of the same shape that are no codes: settings of git, files, hosts.
SECTIONS = """
    gitsync user commit config gc gpg branch remote core init push pull extensions index message
    policy schema witness leases
"""
NAMES = """
    anchor auto commentchar db default domain email format fsync gitsync gpgsign hookspath invalid json key
    lock name path pin remote sig signingkey space stick worktree yaml leases breakers escalate-to
    unanswered
"""
OTHERS = re.compile(
    rf"(?:{'|'.join(SECTIONS.split())})\.(?:{'|'.join(NAMES.split())})"
    r"|artifacts\.(?:sqlite|db)|core\.(?:bare|repositoryformatversion)|extensions\.[a-z]+|(?:receive|transfer)\.[a-z]+|config\.worktree|packed-refs\.new|.*-pipelines\.yml|.*\.(?:lock|pub|json)"
)


@dataclass(frozen=True, order=True)
class Found:
    """One place that raises: the code, its words with ``...`` for values, and its kind."""

    code: str
    words: str
    kind: str


def template(node: ast.expr | None) -> str:
    """The words of a message; values that only a run knows become ``...``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values
        )
    if isinstance(node, ast.BinOp):
        return template(node.left) + template(node.right)
    return "..."


def codes(node: ast.expr) -> list[str]:
    """The codes that an expression stands for; none when it is no code."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value] if CODE.fullmatch(node.value) else []
    if not isinstance(node, ast.JoinedStr):
        return []
    first = node.values[0]
    rest = "".join(str(part.value) for part in node.values[1:] if isinstance(part, ast.Constant))
    if not isinstance(first, ast.FormattedValue) or not re.fullmatch(r"\.[a-z-]+", rest):
        return []
    part = ast.unparse(first.value)
    return [value + rest for value in PARTS[part]]


def name_of(func: ast.expr) -> str:
    """The last part of what is called: ``error`` for ``reader.error``."""
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def helpers(tree: ast.Module) -> dict[str, str]:
    """Functions that make or raise an error for their caller: name -> class of the error."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        if node.name == "_fail" and "code: str" in ast.unparse(node.args):
            known["_fail"] = "FormatError"
        returns = ast.unparse(node.returns) if node.returns else ""
        if returns in EXITS:
            known[node.name] = returns
        elif returns == "NoReturn" and node.name not in known:
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and name_of(call.func) in EXITS:
                    known[node.name] = name_of(call.func)
                    break
    return known


def scan(path: Path, shared: dict[str, str]) -> list[Found]:
    """Every code of one module."""
    module = path.relative_to(SOURCE).as_posix()
    tree = ast.parse(path.read_text("utf-8"))
    local = {**shared, **helpers(tree)}
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found: list[Found] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = name_of(node.func)
        kind = name if name in EXITS else local.get(name)
        if name == "__init__" and isinstance(node.func, ast.Attribute):
            kind = "GitError" if module.endswith("gitcli.py") else None
        if kind is None:
            continue
        # A Subsumed begins with its number, a few helpers with a place: take the first code.
        for place, argument in enumerate(node.args):
            value = constants.get(argument.id) if isinstance(argument, ast.Name) else None
            these = codes(value if value is not None else argument)
            if these:
                words = template(node.args[place + 1]) if len(node.args) > place + 1 else "..."
                if name == "_fail":  # its position comes between the code and the words
                    words = template(node.args[-1])
                if name == "Finding":  # its kind comes between them
                    words = template(node.args[place + 2])
                found += [Found(code, words, kind) for code in these]
                break
    return found


def tabled(path: Path) -> list[Found]:
    """Codes that a module keeps beside their words, in a tuple or a call."""
    module = path.relative_to(SOURCE).as_posix()
    if module not in TABLES:
        return []
    found: list[Found] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        parts = node.elts if isinstance(node, ast.Tuple) else getattr(node, "args", [])
        if isinstance(node, ast.Tuple | ast.Call) and len(parts) > 1:
            found += [
                Found(code, template(parts[1]), TABLES[module]) for code in codes(parts[0])
            ]
    return found


def unlisted(known: set[str]) -> list[str]:
    """Texts in the source that look like codes and are neither listed nor known as others."""
    texts = {
        node.value
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return sorted(
        text for text in texts - known if CODE.fullmatch(text) and not OTHERS.fullmatch(text)
    )


def collect() -> list[Found]:
    """Every code of the package. Ends the script when a code would be left out."""
    shared: dict[str, str] = {"error": "FormatError", "fail": "FormatError", "refuse": "FormatError"}
    paths = sorted(SOURCE.rglob("*.py"))
    found = {one for path in paths for one in (*scan(path, shared), *tabled(path))}
    found |= {Found(code, words, kind) for code, (words, kind) in APART.items()}
    left = unlisted({one.code for one in found})
    if left:
        sys.exit(f"make_errors.py does not know these: {', '.join(left)}")
    return sorted(found)


def page() -> str:
    """The text of errors.md."""
    found = collect()
    lines = [
        "# Error codes",
        "",
        "<!-- Made by docs/reference/make_errors.py from the source. Do not edit. -->",
        "",
        "Every error has a stable dotted code, a sentence, often a hint, and, for bad",
        "input, the place. With `--json` an error is one JSON object on standard error",
        "([json.md](json.md)). A rule that a witness gives in a receipt",
        "([receipts.md](receipts.md)) is a code of the same list.",
        "",
        "The sentence is shown with `...` where a run fills in a value. The exit code is",
        "that of a command that stops with the error ([exit-codes.md](exit-codes.md)).",
    ]
    area = ""
    for code in sorted({one.code for one in found}):
        here = [one for one in found if one.code == code]
        if code.partition(".")[0] != area:
            area = code.partition(".")[0]
            lines += ["", f"## {area}", "", "| code | exit | what is said |", "|---|---|---|"]
        said = "<br>".join(dict.fromkeys(escape(one.words) for one in here if one.words != "..."))
        exits = ", ".join(sorted({EXITS[one.kind] for one in here}))
        lines.append(f"| `{code}` | {exits} | {said or '(says what was wrong)'} |")
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Words that are safe inside a Markdown table."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ").strip()


def main(argv: list[str]) -> int:
    """Write the page, or check it."""
    return write_or_check(PAGE, page(), __file__, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
