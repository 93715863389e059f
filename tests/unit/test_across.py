"""Several files read as one."""

from __future__ import annotations

import os
import resource

import pytest

from gitsync.storage.across import across


@pytest.mark.parametrize("sizes", [(10,), (3, 4, 3), (1, 0, 9), (5, 5, 0), (1,) * 10])
def test_any_stretch_is_that_of_the_whole(tmp_path, sizes):
    whole, paths, at = bytes(range(10)), [], 0
    for number, size in enumerate(sizes):
        paths.append(tmp_path / f"{number}")
        paths[-1].write_bytes(whole[at : at + size])
        at += size
    with across(paths) as file:
        assert file.peek(1)[:1] == whole[:1]
        assert (file.read(), file.read(), file.tell()) == (whole, b"", 10)
        for start in range(11):
            for count in range(11):
                file.seek(start)
                assert file.read(count) == whole[start : start + count]
        assert file.seek(-2, os.SEEK_END) == 8
        assert file.read() == whole[8:]


def test_lines_go_across(tmp_path):
    parts = [b"one\ntw", b"o\n", b"thr", b"ee"]
    paths = [tmp_path / str(at) for at in range(len(parts))]
    for path, data in zip(paths, parts, strict=True):
        path.write_bytes(data)
    with across(paths) as file:
        assert list(file) == [b"one\n", b"two\n", b"three"]


def test_one_file_is_open_at_a_time(tmp_path):
    paths = [tmp_path / f"{at:03d}" for at in range(999)]
    for path in paths:
        path.write_bytes(path.name.encode())
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most[0], 200), most[1]))
    try:
        with across(paths) as file:
            assert file.read() == b"".join(path.name.encode() for path in paths)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, most)
