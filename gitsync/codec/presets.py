"""Ready-made schemas, policies and templates that ship with the package."""

from __future__ import annotations

from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from gitsync.codec.yamltext_scalars import quote
from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

DEFAULT = "plans"


@frozen
class Preset:
    """A schema file, and the Markdown body that a new artifact of each type begins with."""

    name: str
    schema: bytes
    templates: Mapping[str, bytes]


def _root() -> Traversable:
    return resources.files("gitsync") / "presets"


def list_presets() -> tuple[str, ...]:
    """The names of all presets, sorted."""
    return tuple(
        sorted(entry.name for entry in _root().iterdir() if (entry / "schema.yaml").is_file())
    )


def _folder(name: str) -> Traversable:
    # Only a listed name is joined to a path: "../x" names no preset.
    known = list_presets()
    if name not in known:
        raise UsageError(
            "preset.unknown",
            f"there is no preset {name[:40]!r}",
            hint=f"known presets: {', '.join(known)}",
        )
    return _root() / name


def load(name: str) -> Preset:
    """The preset of that name. Raises UsageError ``preset.unknown``."""
    folder = _folder(name)
    templates = {
        entry.name.removesuffix(".md"): entry.read_bytes()
        for entry in (folder / "templates").iterdir()
        if entry.name.endswith(".md")
    }
    return Preset(name, (folder / "schema.yaml").read_bytes(), dict(sorted(templates.items())))


def editor_files() -> dict[str, bytes]:
    """The JSON Schemas by which editors complete the settings: file name -> content.

    The first lines of the presets' files name them, in a folder ``schemas`` beside them.
    """
    folder = resources.files("gitsync") / "schemas"
    names = ("artifact-schema.schema.json", "policy.schema.json")
    return {name: (folder / name).read_bytes() for name in names}


def policy_text(
    *, space: str, home: str, founder: str, witness: str, preset: str = DEFAULT
) -> bytes:
    """The first policy of a space, with comments that tell the founder what each line does.

    ``founder`` and ``witness`` are people, ``home`` a remote's URL or ``.``. Raises UsageError
    ``preset.unknown``, FormatError ``policy.*`` where one of the names will not do.
    """
    from gitsync.codec.policyfile import parse

    template = Template((_folder(preset) / "policy.yaml.in").read_text("utf-8"))
    values = {"space": space, "home": home, "founder": founder, "witness": witness}
    text = template.substitute({key: quote(value, flow=True) for key, value in values.items()})
    data = text.encode("utf-8", "backslashreplace")
    parse(data)
    return data
