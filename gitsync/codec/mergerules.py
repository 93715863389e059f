"""What the merge driver has to know of the verified policy and schema, as a small file.

A cache beside the verified position, so that git's merge driver starts without reading YAML: the
space and commit that it was read at, the merge version, and the merge rules.
"""

from __future__ import annotations

import json
from typing import Any

from gitsync.domain.errors import FormatError
from gitsync.domain.frozen import frozen
from gitsync.domain.merge.rules import Rules


@frozen
class MergeRules:
    """The merge of a ledger as of the snapshot ``commit`` of ``space``."""

    space: str
    commit: str
    version: int
    rules: Rules


def dump(found: MergeRules) -> bytes:
    """One JSON document."""
    rules = found.rules
    document = {
        "space": found.space,
        "commit": found.commit,
        "version": found.version,
        "strategies": dict(rules.strategies),
        "type": rules.type_field,
        "moves": {name: sorted(moves) for name, moves in rules.moves.items()},
        "paths": rules.paths,
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def load(data: bytes) -> MergeRules:
    """The inverse of :func:`dump`. Raises FormatError ``merge.rules`` for anything else."""
    try:
        raw = json.loads(data)
        found = MergeRules(
            _text(raw["space"]),
            _text(raw["commit"]),
            int(raw["version"]),
            Rules(
                strategies={_text(key): _text(one) for key, one in raw["strategies"].items()},
                type_field=None if raw["type"] is None else _text(raw["type"]),
                moves={
                    _text(name): frozenset((_text(one), _text(other)) for one, other in moves)
                    for name, moves in raw["moves"].items()
                },
                paths=tuple(
                    (_text(name), tuple(map(_text, patterns))) for name, patterns in raw["paths"]
                ),
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError("merge.rules", "the stored merge rules cannot be read") from error
    return found


def _text(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(value, str):
        raise TypeError(value)
    return value
