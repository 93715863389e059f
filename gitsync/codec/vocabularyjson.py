"""A schema's words as JSON: how the artifact index remembers what its contents were read by."""

from __future__ import annotations

import json

from gitsync.domain.errors import FormatError
from gitsync.domain.links import Link
from gitsync.domain.query.vocabulary import Kind, Vocabulary


def dump_vocabulary(vocabulary: Vocabulary) -> str:
    """The schema's words as JSON."""
    return json.dumps(
        [
            vocabulary.id_field, vocabulary.type_field, vocabulary.status_field,
            vocabulary.title_field, vocabulary.owner_field,
            [[kind.name, kind.paths, kind.states, kind.finished, kind.required,
              [[link.field, link.shape, link.means] for link in kind.links]]
             for kind in vocabulary.kinds],
            vocabulary.fields,
        ]
    )  # fmt: skip


def load_vocabulary(text: str) -> Vocabulary:
    """The inverse of :func:`dump_vocabulary`. Raises FormatError ``index.vocabulary``."""
    try:
        ident, kind, status, title, owner, kinds, fields = json.loads(text)
        found = Vocabulary(
            str(ident), None if kind is None else str(kind), str(status), str(title), str(owner),
            tuple(_kind(*one) for one in kinds), tuple(map(str, fields)),
        )  # fmt: skip
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError("index.vocabulary", "the index's words cannot be read") from error
    return found


def _kind(name: str, paths: list[str], states: list[str], finished: list[str],
          required: list[str], links: list[list[str]]) -> Kind:  # fmt: skip
    return Kind(
        str(name), tuple(map(str, paths)), tuple(map(str, states)), tuple(map(str, finished)),
        tuple(map(str, required)), tuple(Link(*map(str, link)) for link in links),
    )  # fmt: skip
