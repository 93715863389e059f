import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec.sshwire import Reader, mpint, string, uint32
from gitsync.domain.errors import FormatError


def reader(data: bytes) -> Reader:
    return Reader(data, "test.code")


@given(st.binary(max_size=300), st.integers(0, 2**32 - 1), st.integers(0, 2**600))
def test_what_is_written_reads_back(raw, small, big):
    source = reader(string(raw) + uint32(small) + mpint(big) + b"\x07rest")
    assert (source.string(), source.uint32(), source.mpint(), source.byte()) == (raw, small, big, 7)
    assert source.rest() == b"rest"
    source.finish()


@pytest.mark.parametrize(
    ("number", "encoded"),
    [(0, b""), (1, b"\x01"), (0x7F, b"\x7f"), (0x80, b"\x00\x80"), (0x9A378F9B2E332A7, None)],
)
def test_mpint_examples_of_rfc_4251(number, encoded):
    encoded = bytes.fromhex("09a378f9b2e332a7") if encoded is None else encoded
    assert mpint(number) == string(encoded)


@pytest.mark.parametrize("raw", [b"\x00", b"\x00\x01", b"\x80", b"\xff\xff", b"\x00\x00\x80"])
def test_mpint_has_one_form_and_no_sign(raw):
    with pytest.raises(FormatError) as caught:
        reader(string(raw)).mpint()
    assert caught.value.code == "test.code"


@pytest.mark.parametrize(
    "read",
    [
        lambda r: r.string(3),
        lambda r: r.mpint(16),
        lambda r: r.text(3),
        lambda r: r.raw(9),
        lambda r: r.finish(),
    ],
)
def test_too_long_or_left_over(read):
    with pytest.raises(FormatError):
        read(reader(string(b"\x01\x02\x03\x04")))


@pytest.mark.parametrize("raw", [b"a b", b"\xc3\xa4", b"a\n", b"\x1b[0m"])
def test_names_are_printable_ascii(raw):
    with pytest.raises(FormatError):
        reader(string(raw)).text()


def test_mpint_bits_are_bounded():
    assert reader(mpint(2**16 - 1)).mpint(16) == 2**16 - 1
    with pytest.raises(FormatError):
        reader(mpint(2**16)).mpint(16)


@given(st.binary(max_size=40), st.sampled_from(["string", "mpint", "text", "uint32", "byte"]))
def test_any_bytes_give_a_value_or_our_own_error(data, method):
    source = reader(data)
    try:
        value = getattr(source, method)()
    except FormatError:
        return
    again = {"string": string, "mpint": mpint, "uint32": uint32}.get(method)
    if again is not None:
        assert data.startswith(again(value))
