"""What the tests of commands share: JSON documents held against the shipped schemas."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

GOLDEN = Path(__file__).parent / "golden"
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


def check_golden(name: str, text: str) -> None:
    """Hold a text against ``golden/NAME.txt``; GITSYNC_WRITE_GOLDEN=1 writes it, to be reviewed."""
    path = GOLDEN / f"{name}.txt"
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
