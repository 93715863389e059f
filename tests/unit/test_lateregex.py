"""Expressions that are compiled at first use find what compiled ones find."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys

import pytest

import gitsync
from gitsync.domain.lateregex import _Late, late_regex

TEXTS = ("", "a1", "b22 a3", "A1\nA2", "é9")


@pytest.mark.parametrize("method", ["match", "fullmatch", "search"])
@pytest.mark.parametrize("text", TEXTS)
def test_it_finds_what_a_compiled_one_finds(method, text):
    flags = re.IGNORECASE | re.MULTILINE
    late, compiled = late_regex("([a-z])([0-9])$", flags), re.compile("([a-z])([0-9])$", flags)
    for _ in range(2):  # the first use compiles
        found, wanted = getattr(late, method)(text), getattr(compiled, method)(text)
        assert (found and (found.span(), found.groups())) == (
            wanted and (wanted.span(), wanted.groups())
        )


def test_its_other_methods_and_its_pattern():
    late = late_regex(rb"[0-9]")
    assert late.pattern == rb"[0-9]"
    assert late.sub(b"x", b"a1b2") == b"axbx"
    assert late.findall(b"a1b2") == [b"1", b"2"]
    assert [found[0] for found in late.finditer(b"a1b2")] == [b"1", b"2"]
    assert late.split(b"a1b") == [b"a", b"b"]
    assert late.subn(b"", b"1") == (b"", 1)
    with pytest.raises(AttributeError, match="groups"):
        late.groups  # noqa: B018 - of no use here, so not offered


def test_nothing_is_compiled_before_it_is_used():
    late = late_regex("(")
    with pytest.raises(re.error):
        late.match("")


def test_every_expression_of_the_package_compiles():
    count = 0
    for module in pkgutil.walk_packages(gitsync.__path__, "gitsync."):
        if module.name.endswith("__main__"):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, _Late):
                value.search(b"" if isinstance(value.pattern, bytes) else "")
                count += 1
    assert count > 100


def test_a_command_compiles_few():
    code = (
        "import re, re._compiler as c\nplain, seen = c.compile, []\n"
        "c.compile = lambda p, f=0: seen.append(p) or plain(p, f)\n"
        "import gitsync.domain.links, gitsync.codec.gitobjects, gitsync.domain.names\n"
        "import gitsync.codec.frontmatter\n"
        "own = [p for p in seen if b'0-9a-f' in (p if isinstance(p, bytes) else p.encode())]\n"
        "raise SystemExit(len(own))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
