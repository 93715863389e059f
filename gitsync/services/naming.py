"""What a query may say: offered by a shell while it is typed, told when nothing fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitsync.services.catalogue import Catalogue

MOST_VALUES = 1000
_TOLD = 8  # values that are named to whoever used one that is none


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


def strangers(catalogue: Catalogue, text: str) -> list[str]:
    """Of a query that nothing fits: its types and states that are none, each as a sentence."""
    from gitsync.domain.query.parse import parse
    from gitsync.domain.query.records import fold
    from gitsync.domain.query.terms import OneOf

    words = catalogue.vocabulary
    found = []
    for term in parse(text, catalogue).terms:
        if not isinstance(term, OneOf) or term.field not in {None, words.status_field}:
            continue
        name = "type" if term.field is None else "status"
        known = term_values(catalogue, name)
        there = {fold(one) for one in known}
        # What some artifact has is one, whatever the schema says.
        real = term.field or words.type_field
        if real is not None:
            there |= set(catalogue.field_values(real, MOST_VALUES))
        odd = [one for one in term.values if one not in there]
        if odd and known and len(there) < MOST_VALUES:
            some = ", ".join(known[:_TOLD]) + (", ..." if len(known) > _TOLD else "")
            found.append(f"no {name} is called {odd[0]!r}; there are {some}")
    return found
