"""``@frozen``: a dataclass that never changes, has slots, and takes little time to define.

``dataclass(frozen=True, slots=True)`` compiles six methods for each class, one by one, in 0.4 ms. A
command loads some forty such classes before it does anything, and a hook as many. Here one method
is compiled, ``__init__``, when the first instance is made; all others are shared. What
``dataclasses`` offers for such classes (``fields``, ``replace``, ``field``) works on these too.
"""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import Field

Class = TypeVar("Class")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[Class]) -> type[Class]:
    """Make a class a frozen dataclass with slots. Fields have to be taken by ``__init__``.

    Two values are equal if they are of one class and their fields are equal. A method that the
    class has itself is kept.
    """
    own = cls.__dict__
    kept = {name for name in ("__repr__", "__eq__", "__hash__") if own.get(name) is not None}
    made = dataclass(slots=True, init=False, repr=False, eq=False)(cls)
    found = fields(made)  # type: ignore[arg-type]
    for one in found:
        if not one.init or one.kw_only:
            raise TypeError(f"{cls.__name__}.{one.name}: __init__ does not simply take this field")
    values = _getter([one.name for one in found if one.compare])
    shared = {
        "__init__": _first_init(made, found),
        "__repr__": _repr([one.name for one in found if one.repr]),
        "__eq__": _equal(values),
        "__hash__": lambda self: hash(values(self)),
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__reduce__": _reduce([one.name for one in found]),
    }
    for name, method in shared.items():
        if name not in kept:
            setattr(made, name, method)
    return made


def _first_init(cls: type, found: tuple[Field[Any], ...]) -> Callable[..., None]:
    """Of the classes that are loaded, most never get an instance: ``__init__`` is compiled when
    one is made."""

    def init(self: object, *args: Any, **named: Any) -> None:  # noqa: ANN401 - the fields' own
        made = _init(cls, found)
        cls.__init__ = made  # type: ignore[misc]
        made(self, *args, **named)

    return init


def _init(cls: type, found: tuple[Field[Any], ...]) -> Callable[..., None]:
    taken, lines = [], []
    names: dict[str, Any] = {"_missing": MISSING}
    for one in found:
        name = value = one.name
        names[f"_set_{name}"] = getattr(cls, name).__set__
        if one.default is not MISSING:
            names[f"_default_{name}"] = one.default
            taken.append(f"{name}=_default_{name}")
        elif one.default_factory is not MISSING:
            names[f"_make_{name}"] = one.default_factory
            taken.append(f"{name}=_missing")
            value = f"_make_{name}() if {name} is _missing else {name}"
        else:
            taken.append(name)
        lines.append(f"    _set_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append("    self.__post_init__()")
    source = f"def __init__({', '.join(['self', *taken])}):\n" + "\n".join(lines or ["    pass"])
    exec(source, names)  # noqa: S102 - of names of fields, as dataclasses does
    made: Callable[..., None] = names["__init__"]
    return made


def _getter(names: list[str]) -> Callable[[object], Any]:
    """What tells two values apart: the one field, or a tuple of them."""
    return attrgetter(*names) if names else lambda _: ()


def _equal(values: Callable[[object], Any]) -> Callable[[object, object], Any]:
    def equal(self: object, other: object) -> Any:  # noqa: ANN401 - or NotImplemented
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values(self) == values(other)

    return equal


def _repr(names: list[str]) -> Callable[[object], str]:
    def shown(self: object) -> str:
        inner = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{self.__class__.__qualname__}({inner})"

    return shown


def _reduce(names: list[str]) -> Callable[[object], tuple[type, tuple[Any, ...]]]:
    def parts(self: object) -> tuple[type, tuple[Any, ...]]:
        return self.__class__, tuple(getattr(self, name) for name in names)

    return parts


def _refuse(self: object, name: str, *_: object) -> NoReturn:
    raise FrozenInstanceError(f"a {self.__class__.__name__} does not change: {name}")
