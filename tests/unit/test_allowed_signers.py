import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec import allowed_signers
from gitsync.codec.sshkeys import encode_public, from_ed25519_bytes
from gitsync.domain.errors import FormatError, UsageError


def key(number: int, comment: str = ""):
    return from_ed25519_bytes(number.to_bytes(32, "big"), comment)


def text(number: int) -> str:
    return encode_public(key(number)).decode()


DATA = f"""\
# The people of this ledger

alice,alice.desk namespaces="git" {text(1)} her laptop
  # indented remark
bob\t namespaces="git"  {text(2)}
alice.agent1 namespaces="git" {text(3)} build agent""".encode()


def code_at(data: bytes | str) -> tuple[str, int | None]:
    with pytest.raises(FormatError) as caught:
        allowed_signers.parse(data.encode() if isinstance(data, str) else data)
    where = caught.value.where
    assert where is None or where.file == ".gitsync/allowed_signers"
    return caught.value.code, where.line if where else None


def test_parse():
    roster = allowed_signers.parse(DATA)
    assert roster.names() == ("alice", "alice.agent1", "alice.desk", "bob")
    assert roster.key(key(1).blob).key.comment == "her laptop"
    assert roster.counts_for(key(3).blob) is None
    assert [entry.where.line for entry in roster.entries] == [3, 5, 6]
    assert allowed_signers.parse(allowed_signers.encode(roster)) == roster


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"carol {text(9)}", "roster.options"),
        (f"carol {text(9)} c d", "roster.options"),
        (f'carol namespaces="git,file" {text(9)}', "roster.options"),
        (f'carol namespaces="*" {text(9)}', "roster.options"),
        (f"carol namespaces=git {text(9)}", "roster.options"),
        (f'carol NAMESPACES="git" {text(9)}', "roster.options"),
        (f'carol namespaces="git",cert-authority {text(9)}', "roster.options"),
        (f"carol cert-authority {text(9)}", "roster.options"),
        (f'carol namespaces="git",valid-before="20300101" {text(9)}', "roster.options"),
        (f'carol valid-after="20200101",namespaces="git" {text(9)}', "roster.options"),
        (f'carol namespaces="git" no-touch-required {text(9)}', "roster.key"),
        (f'carol namespaces="git" namespaces="git" {text(9)}', "roster.key"),
        (f'* namespaces="git" {text(9)}', "roster.name"),
        (f'carol* namespaces="git" {text(9)}', "roster.name"),
        (f'caro? namespaces="git" {text(9)}', "roster.name"),
        (f'!carol namespaces="git" {text(9)}', "roster.name"),
        (f'carol,!carol.desk namespaces="git" {text(9)}', "roster.name"),
        (f'"carol" namespaces="git" {text(9)}', "roster.name"),
        (f'carol, namespaces="git" {text(9)}', "roster.name"),
        (f'carol@example.org namespaces="git" {text(9)}', "roster.name"),
        (f'\ufeffcarol namespaces="git" {text(9)}', "roster.name"),
        ('carol namespaces="git"', "roster.options"),
        ('carol namespaces="git" ssh-ed25519', "roster.options"),
        ("carol", "roster.line"),
        (f'carol namespaces="git" {text(9)[:-4]}', "roster.key"),
        (f'carol namespaces="git" {text(9).replace("ssh-ed", "ssh-de")}', "roster.key"),
        (f'carol namespaces="git" {text(9)}\r', "roster.text"),
        (f'carol namespaces="git" {text(9)} \x1b[1m', "roster.text"),
        (f'carol namespaces="git" {text(9)} \u202e', "roster.text"),
        (f'carol namespaces="git" {text(9)}\0', "roster.text"),
        (f'carol\u2028mallory namespaces="git" {text(9)}', "roster.text"),
        (f'bob namespaces="git" {text(1)}', "roster.key-of-two-people"),
        (f'alice.b namespaces="git" {text(1)}', "roster.duplicate-key"),
        (f'carol,bob namespaces="git" {text(9)}', "roster.key-of-two-people"),
    ],
)
def test_bad_lines_are_named(line, code):
    assert code_at(DATA + b"\n" + line.encode() + b"\n# end\n") == (code, 7)


def test_other_file_name_and_bad_utf8():
    assert code_at(DATA + b"\n# \xff\n") == ("roster.text", 7)
    with pytest.raises(FormatError) as caught:
        allowed_signers.parse(b"x", file="other")
    assert str(caught.value).startswith("other:1: ")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# nobody\n"])
def test_an_empty_roster_fails_closed(data):
    assert code_at(data)[0] == "roster.empty"


def test_size_is_bounded():
    assert code_at(b"#" * (1024 * 1024 + 1))[0] == "roster.too-large"


def test_add_line_keeps_every_byte():
    grown = allowed_signers.add_line(DATA, ("carol", "carol.desk"), key(9, "new laptop"))
    added = f'carol,carol.desk namespaces="git" {text(9)} new laptop\n'.encode()
    assert grown == DATA + b"\n" + added
    assert allowed_signers.add_line(b"", ("carol",), key(9)).startswith(b"carol namespaces=")
    assert allowed_signers.remove_name(grown, "carol") == grown.replace(b"carol,", b"")


@pytest.mark.parametrize(
    ("names", "number", "code"),
    [
        (("bob",), 1, "roster.key-of-two-people"),
        (("alice.x",), 1, "roster.duplicate-key"),
        (("Bob",), 9, "roster.name"),
        ((f'carol namespaces="git" {text(8)}\nmallory',), 9, "roster.name"),
        (("carol,mallory",), 9, "roster.name"),
        ((), 9, "roster.no-names"),
    ],
)
def test_add_line_refuses(names, number, code):
    with pytest.raises(FormatError) as caught:
        allowed_signers.add_line(DATA, names, key(number))
    assert caught.value.code == code


def test_add_line_refuses_a_comment_with_a_line_in_it():
    with pytest.raises(FormatError):
        allowed_signers.add_line(DATA, ("carol",), key(9, f'x\nmallory namespaces="git" {text(8)}'))


def test_remove_name():
    assert allowed_signers.remove_name(DATA, "bob") == b"".join(
        line for line in DATA.splitlines(keepends=True) if not line.startswith(b"bob")
    )
    assert allowed_signers.remove_name(DATA, "alice") == DATA.replace(b"alice,", b"")
    assert allowed_signers.remove_name(DATA, "alice.desk") == DATA.replace(b",alice.desk", b"")
    with pytest.raises(UsageError):
        allowed_signers.remove_name(DATA, "ali")
    only = DATA[DATA.index(b"bob") :]
    with pytest.raises(FormatError) as caught:
        allowed_signers.remove_name(allowed_signers.remove_name(only, "bob"), "alice.agent1")
    assert caught.value.code == "roster.empty"


names = st.from_regex(r"[a-z]{1,6}", fullmatch=True)


@given(
    st.lists(
        st.tuples(names, st.sampled_from(["", "\n", "# remark\n", " \t\n"])),
        min_size=2,
        max_size=8,
        unique_by=lambda t: t[0],
    )
)
def test_adding_and_removing_is_the_identity(people):
    data = b""
    for number, (name, between) in enumerate(people):
        data = allowed_signers.add_line(data + between.encode(), (f"u{name}",), key(number))
    grown = allowed_signers.add_line(data, ("zoe.desk",), key(999))
    assert allowed_signers.remove_name(grown, "zoe.desk") == data


@given(st.integers(0, len(DATA)), st.integers(0, 30), st.text(max_size=20) | st.binary(max_size=20))
def test_fuzz(at, cut, put):
    put = put.encode() if isinstance(put, str) else put
    mutated = DATA[:at] + put + DATA[at + cut :]
    try:
        roster = allowed_signers.parse(mutated)
    except FormatError:
        return
    again = allowed_signers.parse(allowed_signers.encode(roster))
    assert again == roster
    for entry in roster.entries:
        assert allowed_signers.parse(
            b"".join(mutated.splitlines(keepends=True)[entry.where.line - 1 : entry.where.line])
        ).entries == (entry,)


def test_four_hundred_lines_are_four_hundred_entries():
    data = b"".join(allowed_signers._line((f"p{n}", f"p{n}.desk"), key(n)) for n in range(400))
    assert len(allowed_signers.parse(data).entries) == 400
