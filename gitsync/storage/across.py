"""Several files read as one, without putting them together."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from _typeshed import WriteableBuffer


class _Across(io.RawIOBase):
    """The bytes of files, one after the other. One is open at a time: there may be a thousand."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._ends = list(accumulate(path.stat().st_size for path in paths))
        self._at = 0
        self._place = -1
        self._file: io.FileIO | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._ends[-1]}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        place = bisect_right(self._ends, self._at)
        if place == len(self._paths):
            return 0
        file = self._opened(place)
        file.seek(self._at - (self._ends[place - 1] if place else 0))
        got = file.readinto(view[: self._ends[place] - self._at]) or 0
        self._at += got
        return got

    def _opened(self, place: int) -> io.FileIO:
        if self._file is None or self._place != place:
            self._shut()
            self._file, self._place = io.FileIO(self._paths[place]), place
        return self._file

    def _shut(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def close(self) -> None:
        self._shut()
        super().close()


@contextmanager
def across(paths: Sequence[Path]) -> Iterator[io.BufferedReader]:
    """A reader of all these files as one. Raises OSError."""
    if len(paths) == 1:
        with paths[0].open("rb") as file:
            yield file
        return
    with io.BufferedReader(_Across(paths)) as reader:
        yield cast("io.BufferedReader", reader)
