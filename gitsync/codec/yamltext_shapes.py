"""The shapes of policy.yaml and schema.yaml, apart because msgspec is slow to import."""

from __future__ import annotations

from typing import Annotated

import msgspec

MAX_STATES = 64

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class _Struct(msgspec.Struct, forbid_unknown_fields=True, rename="kebab"):
    pass


class RoleShape(_Struct):
    people: list[Name]
    threshold: int = 1


class RuleShape(_Struct):
    name: Name
    role: Name
    paths: list[Name] | None = None
    types: list[Name] | None = None
    transition: Name | None = None
    proposer_counts: bool = False


class LimitsShape(_Struct):
    file_bytes: int | str | None = None
    proposal_bytes: int | str | None = None
    proposal_files: int | None = None
    proposal_commits: int | None = None
    lease: int | str | None = None
    skew: int | str | None = None
    retention: int | str | None = None


class LeasesShape(_Struct):
    grace: int | str | None = None
    credit: int | str | None = None
    answer: int | str | None = None
    unanswered: Name | None = None
    escalate_to: list[Name] | None = None
    breakers: Name | None = None


class PolicyShape(_Struct):
    version: int
    space: Name
    home: Name
    merge: int
    roles: dict[str, object]
    rules: list[object] = []
    deny: list[Name] = []
    limits: dict[str, object] = {}
    leases: dict[str, object] = {}


class MoveShape(_Struct):
    change: Name
    role: Name | None = None
    proposer_counts: bool = False


class GuardShape(_Struct):
    role: Name
    proposer_counts: bool = False


class LinkShape(_Struct):
    shape: Name = "list"
    means: Name = "related"


class TypeShape(_Struct):
    prefix: Name
    folder: str = ""
    paths: list[Name] = []
    states: Annotated[list[Name], msgspec.Meta(max_length=MAX_STATES)] = []
    initial: Name | None = None
    transitions: list[object] = []
    required: list[Name] = []
    links: list[Name] | dict[str, object] = []
    numbered: int = 0
    file: Name | None = None
    done: list[Name] = []
    started: Name | None = None
    sparse: list[Name] = []
    adopt: object = None
    enter: object = None
    defaults: dict[str, str | list[str]] = {}


class SchemaShape(_Struct):
    version: int
    types: dict[str, object]
    id: Name = "id"
    type: Name | None = None
    status: Name = "status"
    title: Name = "title"
    owner: Name = "owner"
    unique_ids: bool = False
    merge: dict[str, Name] = {}
    order: list[Name] = []
