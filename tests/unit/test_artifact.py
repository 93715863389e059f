import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.domain.artifact import (
    ALPHABET,
    ArtifactChange,
    is_id,
    new_id,
    new_path,
    resolve,
    slugify,
)
from gitsync.domain.errors import UsageError


def test_the_alphabet_spells_no_words_and_has_no_look_alikes():
    assert len(set(ALPHABET)) == len(ALPHABET) == 28
    assert not set(ALPHABET) & set("aeiou01l")


@given(st.binary(min_size=8, max_size=40))
def test_ids_have_one_shape(random):
    made = new_id("plan", random)
    assert is_id(made)
    assert made == new_id("plan", random)
    assert len(made) == len("plan-") + 6


def test_different_randomness_makes_different_ids():
    made = {new_id("plan", number.to_bytes(8, "big")) for number in range(5000)}
    assert len(made) == 5000
    last = {one[5:] for one in made}
    assert {char for one in last for char in one} <= set(ALPHABET)


@pytest.mark.parametrize(
    ("prefix", "random"),
    [("plan", b"abc"), ("Plan", b"x" * 8), ("", b"x" * 8), ("1a", b"x" * 8), ("a b", b"x" * 8)],
)
def test_ids_need_a_prefix_and_randomness(prefix, random):
    with pytest.raises(UsageError):
        new_id(prefix, random)


@pytest.mark.parametrize(
    "text",
    ["plan-k7x2m", "plan-k7x2mqq", "plan-k7x2ma", "plan", "-k7x2mq", "plan-k7x2mq\n", "", "7"],
)
def test_what_is_no_id(text):
    assert not is_id(text)


def test_any_unique_beginning_names_an_artifact():
    ids = ["plan-k7x2mq", "plan-kzzzzz", "story-222222", "1", "10"]
    assert resolve("plan-k7", ids) == "plan-k7x2mq"
    assert resolve("s", ids) == "story-222222"
    assert resolve("1", ids) == "1"
    assert resolve("plan-k7x2mq", [*ids, "plan-k7x2mq-old"]) == "plan-k7x2mq"
    assert resolve("s", ["story-222222", "story-222222"]) == "story-222222"


def test_ambiguous_and_unknown_name_up_to_five():
    ids = [f"plan-22222{char}" for char in "zyxwvt"]
    with pytest.raises(UsageError) as caught:
        resolve("plan", iter(ids))
    assert caught.value.code == "artifact.ambiguous"
    assert "6 artifacts" in caught.value.message
    assert caught.value.hint.endswith(
        "plan-22222t, plan-22222v, plan-22222w, plan-22222x, plan-22222y, ..."
    )
    for text in ("story", "", "\x1b[31m"):
        with pytest.raises(UsageError) as caught:
            resolve(text, ids[:2])
        assert caught.value.code == "artifact.unknown"
        assert caught.value.hint == "known ids: plan-22222y, plan-22222z"
        assert caught.value.message.isprintable()
    with pytest.raises(UsageError) as caught:
        resolve("x", [])
    assert caught.value.hint is None


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Bring the lights up", "bring-the-lights-up"),
        ("  \u00dcber Stra\u00dfe & M\u00f6we!  ", "uber-strae-mowe"),
        ("It's done", "its-done"),
        ("../../etc/passwd\x00", "etc-passwd"),
        ("\u6e2f\u306e\u706f", ""),
        ("a" * 80, "a" * 50),
        ("word " * 20, "word-word-word-word-word-word-word-word-word-word"),
        ("", ""),
    ],
)
def test_slugs(title, slug):
    assert slugify(title) == slug


@given(st.text())
def test_slugs_are_fit_for_file_names(title):
    slug = slugify(title)
    assert len(slug) <= 50
    assert slug == slug.strip("-")
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert slugify(slug) == slug


def test_paths_of_new_artifacts():
    assert new_path("plans", "plan-222222", "Go on") == "plans/plan-222222-go-on.md"
    assert new_path("", "plan-222222", "\u706f") == "plan-222222.md"


def test_a_moved_file_has_two_paths():
    assert ArtifactChange("a", None, None).paths == ("a",)
    assert ArtifactChange("a", None, None, "b").paths == ("a", "b")
