"""Regular expressions that are compiled when they are first used.

Compiling one takes 0.05 to 0.5 ms and a command loads some seventy, most of them for cases that do
not come up in its run. Python keeps compiled modules on disk, but no compiled expressions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, AnyStr, cast

_METHODS = ("findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn")


class _Late:
    """Stands in for a compiled expression: from its first use on, its methods are that one's."""

    __slots__ = ("flags", "pattern", *_METHODS)

    if TYPE_CHECKING:
        flags: int
        pattern: str | bytes

    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self.pattern = pattern
        self.flags = flags

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a method, of those above
        """Called for what has no value yet."""
        if name not in _METHODS:
            raise AttributeError(name)
        compiled = re.compile(self.pattern, self.flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)

    def __repr__(self) -> str:
        return f"late_regex({self.pattern!r}, {self.flags})"


def late_regex(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As ``re.compile``, for a module's own expressions. An error in one shows at its first use,
    so a test uses all of them."""
    return cast("re.Pattern[AnyStr]", _Late(pattern, flags))
