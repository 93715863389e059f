"""The product without one of its defences, in a running process.

``python -m tests.attacks.mutants`` runs every attack without each of its defences and prints
``rows=N killed=N survived=0``.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING

from tests.attacks.mutations import BY_TEST, MUTATIONS, Mutation

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator


@contextmanager
def without(mutation: Mutation) -> Iterator[None]:
    """The product without one defence, in this process and in what it forks.

    Functions keep their identity and get other code, so whoever has imported one runs it too.
    Raises AssertionError when a source does not hold the text exactly once, or nothing changes.
    """
    edits: dict[str, list[tuple[str, str]]] = {mutation.module: [(mutation.old, mutation.new)]}
    for path, old, new in mutation.more:
        edits.setdefault(path, []).append((old, new))
    changed: dict[FunctionType, CodeType] = {}
    for path, pairs in edits.items():
        changed |= _mutant(path, pairs)
    kept = {function: function.__code__ for function in changed}
    try:
        for function, code in changed.items():
            function.__code__ = code
        _forget(edits)
        yield
    finally:
        for function, code in kept.items():
            function.__code__ = code
        _forget(edits)


def _module(path: str) -> ModuleType:
    return importlib.import_module("gitsync." + path.removesuffix(".py").replace("/", "."))


def _mutant(path: str, pairs: list[tuple[str, str]]) -> dict[FunctionType, CodeType]:
    """The functions of a module that differ once its source is edited, and their new code."""
    module = _module(path)
    source = mutant = inspect.getsource(module)
    for old, new in pairs:
        assert mutant.count(old) == 1, f"{path} holds {mutant.count(old)} times {old!r}"
        mutant = mutant.replace(old, new)
    there, then = _codes(source, path), _codes(mutant, path)
    found = {
        one: then[name] for name, one in _functions(module, there) if then[name] != there[name]
    }
    assert found, f"{path}: no function holds {pairs[0][0]!r}"
    return found


def _codes(source: str, path: str) -> dict[str, CodeType]:
    """Qualified name -> code of every function in a source."""
    found: dict[str, CodeType] = {}
    stack = [compile(source, path, "exec")]
    while stack:
        code = stack.pop()
        found[code.co_qualname] = code
        stack += [one for one in code.co_consts if isinstance(one, CodeType)]
    return found


def _functions(module: ModuleType, names: Container[str]) -> Iterator[tuple[str, FunctionType]]:
    """The module's own functions and methods, below whatever wraps them."""
    own = [
        one for one in vars(module).values() if getattr(one, "__module__", "") == module.__name__
    ]
    members = [one for cls in own if isinstance(cls, type) for one in vars(cls).values()]
    for one in (*own, *members):
        for inner in (one, getattr(one, "fget", None)):
            function = inspect.unwrap(getattr(inner, "__func__", inner))
            if isinstance(function, FunctionType) and function.__qualname__ in names:
                yield function.__qualname__, function


def _forget(paths: Iterable[str]) -> None:
    for path in paths:
        for one in vars(_module(path)).values():
            clear = getattr(one, "cache_clear", None)
            if clear is not None:
                clear()


class Count:
    """A pytest plugin that counts what was killed and what survived."""

    def __init__(self) -> None:
        self.killed: list[str] = []
        self.survived: list[str] = []

    def pytest_runtest_logreport(self, report: object) -> None:
        """Called by pytest for each phase of each test."""
        if "[without " in report.nodeid and (report.when == "call" or report.failed):
            (self.killed if report.passed else self.survived).append(report.nodeid)


def main() -> int:
    """Run all mutants; 0 if each was killed."""
    import pytest

    count = Count()
    here = str(Path(__file__).parent)
    pytest.main([here, "-k", "without", "--tb=line", *sys.argv[1:]], plugins=[count])
    for one in count.survived:
        print("survived:", one)
    print(f"rows={len(BY_TEST)} killed={len(count.killed)} survived={len(count.survived)}")
    return 0 if len(count.killed) == len(MUTATIONS) and not count.survived else 1


if __name__ == "__main__":
    raise SystemExit(main())
