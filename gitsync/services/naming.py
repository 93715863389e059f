"""What a shell can offer while a query is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitsync.services.catalogue import Catalogue

MOST_VALUES = 1000


def term_names(catalogue: Catalogue) -> list[str]:
    """The names that a term may begin with."""
    from gitsync.domain.query.parse import OWN_TERMS

    return list(dict.fromkeys((*OWN_TERMS, *catalogue.vocabulary.fields)))


def term_values(catalogue: Catalogue, name: str) -> list[str]:
    """The values that a term of that name may take, as far as they can be told."""
    from gitsync.domain.query.parse import STATES

    words = catalogue.vocabulary
    fields = {"id": words.id_field, "owner": words.owner_field, "tag": "tags"}
    real = fields.get(name, name)
    if name == "is":
        return list(STATES)
    if name in {"has", "no", "sort"}:
        return list(words.fields)
    if name in {"type", words.type_field}:
        return [kind.name for kind in words.kinds]
    if name in {"status", words.status_field}:
        return list(dict.fromkeys(state for kind in words.kinds for state in kind.states))
    if real == words.id_field or real in words.links:
        return catalogue.ids()
    mine = ["me"] if real in words.people else []
    return [*mine, *(one for one in catalogue.field_values(real, MOST_VALUES) if " " not in one)]
