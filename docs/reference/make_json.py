"""Write docs/reference/json.md from the JSON Schemas that ship with the package.

    python docs/reference/make_json.py            # write the page
    python docs/reference/make_json.py --check    # exit 1 when the page is out of date
"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

from generated import write_or_check

HERE = Path(__file__).resolve().parent
SCHEMAS = HERE.parent.parent / "gitsync" / "schemas"
PAGE = HERE / "json.md"
PREFIX = "gitsync/"

HEAD = """\
# JSON

<!-- Made by docs/reference/make_json.py from gitsync/schemas. Do not edit. -->

With `--json` a command prints one document on standard output. Its field
`schema` is `gitsync/<kind>/<version>`. A kind changes only by its version:
within one version, fields keep their names and meanings. A reader should leave
fields that it does not know aside.

Each kind has a JSON Schema in the package, in `gitsync/schemas/`. Positions are
texts such as `common@7`; proposals are `NAME/SLUG`; commits are 40 hex digits;
moments are RFC 3339 in UTC.

An error is one line on standard error, of the kind `gitsync/error/1`. Standard
output is empty then, except where the answer itself is a document: a receipt
that says no is printed, and the exit code is 1.
"""


def kind_of(schema: dict[str, Any]) -> str:
    """``status`` for the schema of ``gitsync/status/1``."""
    return str(schema["title"]).split("/")[1]


def words(schema: dict[str, Any]) -> str:
    """What a value may be, in a few words."""
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if "anyOf" in schema or "oneOf" in schema:
        parts = [words(part) for part in schema.get("anyOf", schema.get("oneOf", ()))]
        return " or ".join(dict.fromkeys(parts))
    found = schema.get("type", "any")
    if isinstance(found, list):
        return " or ".join(found)
    if found == "array":
        items = schema.get("items", {})
        inner = items.get("properties")
        if inner:
            return "list of objects: " + ", ".join(f"`{name}`" for name in inner)
        return f"list of {words(items)}"
    if found == "object" and schema.get("properties"):
        return "object: " + ", ".join(f"`{name}`" for name in schema["properties"])
    return str(found)


def section(schema: dict[str, Any]) -> list[str]:
    """The part of the page about one kind."""
    told = textwrap.fill(f"`{schema['title']}`: {schema['description']}", 80)
    lines = ["", f"## {kind_of(schema)}", "", told]
    lines += ["", "| field | value | always there |", "|---|---|---|"]
    required = set(schema.get("required", ()))
    for name, value in schema["properties"].items():
        told = f" {value['description']}" if value.get("description") else ""
        there = "yes" if name in required else "no"
        lines.append(f"| `{name}` | {words(value)}{told} | {there} |".replace("\n", " "))
    return lines


def page() -> str:
    """The text of json.md."""
    schemas = [json.loads(path.read_text("utf-8")) for path in sorted(SCHEMAS.glob("*.json"))]
    documents = [schema for schema in schemas if schema["title"].startswith(PREFIX)]
    files = [schema for schema in schemas if not schema["title"].startswith(PREFIX)]
    lines = [HEAD.rstrip()]
    for schema in sorted(documents, key=kind_of):
        lines += section(schema)
    lines += ["", "## Files", "", "These schemas describe files for editors:", ""]
    lines += [f"- {schema['title']}" for schema in files]
    return "\n".join(lines) + "\n"


def main(argv: list[str]) -> int:
    """Write the page, or check it."""
    return write_or_check(PAGE, page(), __file__, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
