"""Words in a row: what a query finds in a text, and how long a hostile one may take."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from gitsync.domain.query.records import Record
from gitsync.domain.query.terms import Query, Text, matches
from gitsync.domain.query.vocabulary import Vocabulary

NO_SCHEMA = Vocabulary("id", "type", "status", "title", "owner", (), ())
WORDS = st.lists(st.sampled_from(["a", "ab", "b", "ba"]), max_size=6).map(tuple)


def one_by_one(wanted: tuple[str, ...], words: tuple[str, ...], *, open_end: bool) -> bool:
    """The same by comparing each word at each place."""
    for at in range(len(words) - len(wanted) + 1):
        *first, last = words[at : at + len(wanted)]
        if first == list(wanted[:-1]) and (
            last == wanted[-1] or (open_end and last.startswith(wanted[-1]))
        ):
            return True
    return False


@given(WORDS.filter(bool), WORDS, st.booleans())
def test_words_in_a_row(wanted, words, open_end):
    query = Query((Text(wanted, open_end),))
    found = matches(query, Record("x.md", words=words), NO_SCHEMA, {})
    assert found == one_by_one(wanted, words, open_end=open_end)


def test_no_text_and_no_query_of_a_member_keeps_the_witness_busy():
    """A lease's query and the file that it is asked of may be by the same hostile hand."""
    words = ("a",) * 500_000
    hostile = [("b", *("a",) * 2000), (*("a",) * 1999, "b", "a")]
    began = time.process_time()
    for wanted in hostile:
        assert not matches(Query((Text(wanted),)), Record("x.md", words=words), NO_SCHEMA, {})
    assert time.process_time() - began < 2
