"""The whole command tree: help, examples, JSON kinds."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from gitsync.cli.group import Command, Group, program
from gitsync.cli.table import COMMANDS

ROOT = Path(__file__).parents[2]
WITHOUT_JSON = {("help",), ("completion",), ("hooks", "run")}
# Kinds of files rather than of a command's output.
FILES = {"artifact-schema", "policy", "evidence"}


def walk(command=program, path=()):
    context = click.Context(program)
    if path:
        yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), (*path, name))


TREE = dict(walk())
LEAVES = {path: one for path, one in TREE.items() if not isinstance(one, click.Group)}


@pytest.mark.parametrize("path", TREE, ids=" ".join)
def test_every_command_explains_itself(path, tmp_path, cli):
    ran = cli(tmp_path, *path, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == cli(tmp_path, "help", *path).out
    assert all(len(line) <= 80 for line in ran.out.splitlines())
    command = TREE[path]
    assert isinstance(command, (Command, Group))
    assert command.help
    assert command.help.rstrip().endswith((".", ":"))
    for param in command.params:
        if isinstance(param, click.Option):
            assert param.help, param.name


@pytest.mark.parametrize("path", TREE, ids=" ".join)
def test_every_example_is_a_command_that_parses(path):
    lines = TREE[path].example.splitlines()
    assert lines
    for line in lines:
        words = shlex.split(line.partition(" > ")[0])
        assert words[: 1 + len(path)] == ["gitsync", *path] or isinstance(TREE[path], click.Group)
        found, args = program, words[1:]
        while isinstance(found, click.Group):
            found, args = found.get_command(click.Context(program), args[0]), args[1:]
        # Raises for an option or an argument that the command does not have.
        found.make_parser(click.Context(found)).parse_args(list(args))


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_speaks_json(path):
    names = [param.name for param in LEAVES[path].params]
    flags = [opt for param in LEAVES[path].params for opt in param.opts]
    assert ("--json" in flags) == (path not in WITHOUT_JSON)
    assert len(names) == len(set(names))


def test_the_table_names_what_the_modules_hold():
    folder = ROOT / "gitsync" / "cli" / "commands"
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert {module for module, _ in COMMANDS.values()} == modules
    for name in COMMANDS:
        assert TREE[name,].name == name


def test_every_kind_has_a_strict_schema_and_every_schema_a_kind():
    source = "".join(path.read_text() for path in (ROOT / "gitsync" / "cli").rglob("*.py"))
    written = set(re.findall(r'\.document\(\s*"([a-z-]+)"', source)) | {"receipt", "error"}
    shipped = {}
    for path in (ROOT / "gitsync" / "schemas").glob("*.schema.json"):
        shipped[path.name.removesuffix(".schema.json")] = json.loads(path.read_text())
    assert set(shipped) - FILES == written
    for kind, schema in shipped.items():
        if kind in written:
            assert schema["additionalProperties"] is False
            assert schema["properties"]["schema"] == {"const": f"gitsync/{kind}/1"}


def test_every_json_kind_is_checked_by_some_test():
    """A schema that no test holds a real document against proves nothing."""
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    checked = set(re.findall(r'"([a-z-]+)"\s*\)', tests))
    shipped = {path.name.partition(".")[0] for path in (ROOT / "gitsync/schemas").glob("*.json")}
    assert shipped - {"artifact-schema", "policy"} - checked == set()
