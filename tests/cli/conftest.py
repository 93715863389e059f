"""What the tests of commands share: JSON documents held against the shipped schemas."""

from __future__ import annotations

import json
import os
import re
from functools import cache, partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest

GOLDEN = Path(__file__).parent / "golden"
_ID = re.compile(r"\b(?:[0-9a-f]{40}|[0-9a-f]{12})\b")
SCHEMAS = Path(__file__).parents[2] / "gitsync" / "schemas"


@cache
def _validator(kind: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{kind}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def read_document(text: str, kind: str) -> Any:
    """The one JSON document in ``text``, which is ASCII and fits its schema."""
    assert text.isascii()
    found = json.loads(text)
    assert found["schema"] == f"gitsync/{kind}/1"
    _validator(kind).validate(found)
    return found


def _stand_in(seen: dict[str, str], match: re.Match[str]) -> str:
    """One id after another as 1111..., 2222...: ids follow from presets, which may change."""
    found = match[0]
    digit = seen.setdefault(found[:12], f"{len(seen) + 1:x}"[-1])
    return digit * len(found)


def check_golden(name: str, text: str) -> None:
    """Hold a text against ``golden/NAME.txt``; GITSYNC_WRITE_GOLDEN=1 writes it, to be reviewed."""
    path = GOLDEN / f"{name}.txt"
    text = _ID.sub(partial(_stand_in, {}), text)
    if os.environ.get("GITSYNC_WRITE_GOLDEN") == "1":
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()
    assert all(len(line) <= 80 for line in text.splitlines())


@pytest.fixture(scope="session")
def golden():
    return check_golden


@pytest.fixture(scope="session")
def document():
    return read_document
