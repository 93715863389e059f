"""Typed reading of configuration files: known keys, msgspec's types, errors with their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from gitsync.domain.errors import FormatError, GitsyncError, Where
from gitsync.domain.lateregex import late_regex

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitsync.codec.yamltext import Loaded, Path

T = TypeVar("T")

_AT = late_regex(r" - at `(?:key in )?\$(.*)`$")
_STEP = late_regex(r"\.([^.\[\]]+)|\[(\d+)\]")
_PLACE = late_regex(r"[^.\[\]]+")


class Reader:
    """One loaded file being turned into values. ``area`` begins its codes: ``policy``."""

    def __init__(self, loaded: Loaded, area: str) -> None:
        self.loaded = loaded
        self.area = area

    def mapping(self, value: object, path: Path, known: tuple[str, ...] = ()) -> dict[str, object]:
        """``value`` if it is a mapping; with ``known``, one of those keys only."""
        if not isinstance(value, dict):
            raise self.error(f"{self.area}.malformed", "expected a mapping of names", path)
        for key in value if known else ():
            if key not in known:
                raise self.error(
                    f"{self.area}.unknown-field",
                    f"unknown field {key[:60]!r}",
                    (*path, key),
                    f"known here: {', '.join(known)}",
                )
        return value

    def typed(self, value: object, kind: type[T], path: Path) -> T:
        """``value`` as a msgspec type. Raises FormatError ``<area>.malformed``."""
        import msgspec

        if issubclass(kind, msgspec.Struct):
            self.mapping(value, path, kind.__struct_encode_fields__)
        try:
            return msgspec.convert(value, kind)
        except (msgspec.ValidationError, ValueError, OverflowError) as error:
            message, place = str(error), path
            found = _AT.search(message)
            if found:
                message = message[: found.start()]
                steps = _STEP.findall(found[1])
                place = (*path, *(name or int(number) for name, number in steps))
            raise self.error(f"{self.area}.malformed", message, place) from None

    def make(self, build: Callable[[], T], path: Path) -> T:
        """The value that ``build`` makes, its errors placed in the file.

        A place that the domain's error names, such as ``roles.root.threshold``, narrows ``path``.
        """
        try:
            return build()
        except GitsyncError as error:
            named = error.where.field if error.where else None
            place = self._known_place(named) if named else None
            nearest = max(place or (), path, key=len)
            raise self.error(error.code, error.message, nearest, error.hint) from None

    def _known_place(self, named: str) -> Path | None:
        parts: Path = tuple(int(part) if part.isdigit() else part for part in _PLACE.findall(named))
        marks = self.loaded.marks
        while parts and parts not in marks:
            parts = parts[:-1]
        return parts or None

    def error(self, code: str, message: str, path: Path, hint: str | None = None) -> FormatError:
        """A FormatError at the place of ``path``."""
        return FormatError(code, message, hint=hint, where=self.loaded.where(path))


def load_present(data: bytes | None, file: str, area: str) -> Reader:
    """A reader of a file that must exist and hold something. Raises ``<area>.empty``."""
    from gitsync.codec.yamltext import load_marked

    loaded = load_marked(data or b"", file)
    if loaded.value is None or loaded.value == {}:
        problem = f"the {area} is missing" if data is None else f"the {area} is empty"
        raise FormatError(f"{area}.empty", problem, where=Where(file))
    return Reader(loaded, area)
