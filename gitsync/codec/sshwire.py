"""The SSH wire encoding (RFC 4251, section 5): byte, uint32, string and mpint.

The reader is strict: each value has exactly one encoding that it accepts, every length has a bound,
and whatever stays unread is an error. So what was read can be rebuilt byte for byte.
"""

from __future__ import annotations

from gitsync.domain.errors import FormatError

MAX_STRING_BYTES = 64 * 1024
MAX_MPINT_BITS = 16384


class Reader:
    """Reads values from the front of ``data``.

    Every defect raises FormatError with the ``code`` given here, so that the error names the format
    being read (a signature, a key) and not this encoding below it.
    """

    __slots__ = ("_at", "_code", "_data")

    def __init__(self, data: bytes, code: str) -> None:
        self._data = data
        self._at = 0
        self._code = code

    def raw(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        end = self._at + size
        if end > len(self._data):
            raise FormatError(
                self._code, f"cut short: {size} bytes wanted at offset {self._at} of the SSH data"
            )
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def byte(self) -> int:
        """One byte, 0 to 255."""
        return self.raw(1)[0]

    def uint32(self) -> int:
        """Four bytes, most significant first."""
        return int.from_bytes(self.raw(4), "big")

    def string(self, max_bytes: int = MAX_STRING_BYTES) -> bytes:
        """A length and that many bytes; longer than ``max_bytes`` is refused."""
        size = self.uint32()
        if size > max_bytes:
            raise FormatError(
                self._code, f"an SSH string of {size} bytes is longer than the {max_bytes} allowed"
            )
        return self.raw(size)

    def text(self, max_bytes: int = 255) -> str:
        """A string of printable ASCII without spaces, as RFC 4251 section 6 wants names to be."""
        raw = self.string(max_bytes)
        if not raw.isascii() or any(not 0x21 <= byte <= 0x7E for byte in raw):
            raise FormatError(self._code, "an SSH name holds bytes other than printable ASCII")
        return raw.decode("ascii")

    def mpint(self, max_bits: int = MAX_MPINT_BITS) -> int:
        """A number of zero or more, in its shortest form; negative numbers are refused."""
        raw = self.string(max_bits // 8 + 1)
        if raw and (raw[0] & 0x80 or (raw[0] == 0 and (len(raw) == 1 or not raw[1] & 0x80))):
            raise FormatError(self._code, "an SSH number is negative or not in its shortest form")
        number = int.from_bytes(raw, "big")
        if number.bit_length() > max_bits:
            raise FormatError(self._code, f"an SSH number has more than {max_bits} bits")
        return number

    def rest(self) -> bytes:
        """All bytes that are left, possibly none."""
        return self.raw(len(self._data) - self._at)

    def finish(self) -> None:
        """Raise FormatError unless everything has been read."""
        left = len(self._data) - self._at
        if left:
            raise FormatError(self._code, f"{left} bytes too many at the end of the SSH data")


def uint32(number: int) -> bytes:
    """``number`` in four bytes, most significant first."""
    return number.to_bytes(4, "big")


def string(value: bytes) -> bytes:
    """``value`` behind its length."""
    return len(value).to_bytes(4, "big") + value


def mpint(number: int) -> bytes:
    """A number of zero or more in its shortest form."""
    # One bit more than the number needs, so that the first bit is never taken for a sign.
    size = number.bit_length() // 8 + 1 if number else 0
    return string(number.to_bytes(size, "big"))
