import pytest

from gitsync.codec.sshkeys import from_ed25519_bytes
from gitsync.domain.errors import FormatError, Where
from gitsync.domain.roster import Roster, RosterEntry


def key(number: int):
    return from_ed25519_bytes(number.to_bytes(32, "big"), f"key {number}")


def entry(number: int, *names: str, line: int | None = None) -> RosterEntry:
    return RosterEntry(names, key(number), Where("roster", line))


ROSTER = Roster(
    [entry(1, "alice", "alice.desk"), entry(2, "alice.agent1"), entry(3, "bob"), entry(4, "bob")]
)


def test_look_up():
    assert ROSTER.key(key(1).blob) == ROSTER.entries[0]
    assert ROSTER.key(b"stranger") is None
    assert ROSTER.names() == ("alice", "alice.agent1", "alice.desk", "bob")
    assert ROSTER.people() == ("alice", "bob")
    assert ROSTER.keys_of("bob") == (key(3), key(4))
    assert ROSTER.keys_of("alice.desk") == (key(1),)
    assert ROSTER.keys_of("carol") == ()


def test_an_agent_stands_for_its_person_but_does_not_count_for_them():
    assert ROSTER.person(key(2).blob) == "alice"
    assert ROSTER.counts_for(key(2).blob) is None
    assert ROSTER.counts_for(key(1).blob) == "alice"
    assert ROSTER.counts_for(b"stranger") is None
    assert ROSTER.person(b"stranger") is None


def test_two_keys_of_one_person_are_one_person():
    assert {ROSTER.counts_for(key(number).blob) for number in (3, 4)} == {"bob"}


@pytest.mark.parametrize(
    ("entries", "code", "line"),
    [
        ([], "roster.empty", None),
        ([entry(1, line=1)], "roster.no-names", 1),
        ([entry(1, "Alice", line=1)], "roster.name", 1),
        ([entry(1, "*", line=1)], "roster.name", 1),
        ([entry(1, "alice", "alice", line=1)], "roster.duplicate-name", 1),
        ([entry(1, "alice", "bob", line=1)], "roster.key-of-two-people", 1),
        ([entry(1, "alice", "alicex.desk", line=1)], "roster.key-of-two-people", 1),
        ([entry(1, "alice"), entry(1, "bob", line=2)], "roster.key-of-two-people", 2),
        ([entry(1, "alice"), entry(1, "alice.desk", line=2)], "roster.duplicate-key", 2),
        ([entry(1, "alice"), entry(1, "alice", line=2)], "roster.duplicate-key", 2),
    ],
)
def test_rules(entries, code, line):
    with pytest.raises(FormatError) as caught:
        Roster(entries)
    assert caught.value.code == code
    assert (caught.value.where.line if caught.value.where else None) == line


def test_a_roster_is_a_value():
    again = Roster(ROSTER.entries)
    assert again == ROSTER
    assert hash(again) == hash(ROSTER)
    with pytest.raises(AttributeError):
        again.entries = ()


def test_fingerprint():
    # `ssh-keygen -lf` of the key whose 32 bytes are all zero
    assert key(0).fingerprint.startswith("SHA256:")
    assert len(key(0).fingerprint) == 50
    assert key(0).is_ed25519
