"""``init`` with members: people who are on the roster from ``common@1`` on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gitsync.codec import allowed_signers, policyfile
from gitsync.domain.errors import FormatError, UsageError
from gitsync.services.founding import InitOptions, init

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitsync.services.host import Host

    Keys = Callable[[str], Path]
    Hosts = Callable[[Path], Host]


def pub(key: Path) -> Path:
    return Path(f"{key}.pub")


def found(make_host: Hosts, make_key: Keys, folder: Path, **more: object) -> None:
    folder.mkdir()
    init(make_host(folder), InitOptions(name="alice", key=str(make_key("alice")), **more))


def test_members_are_on_the_roster_and_in_no_role(
    make_host: Hosts, make_key: Keys, tmp_path: Path
) -> None:
    members = (("james", pub(make_key("james"))), ("carol", pub(make_key("carol"))))
    found(make_host, make_key, tmp_path / "a", members=members)
    roster = allowed_signers.parse((tmp_path / "a/.gitsync/allowed_signers").read_bytes())
    assert roster.people() == ("alice", "carol", "james")
    policy = policyfile.parse((tmp_path / "a/.gitsync/policy.yaml").read_bytes())
    assert {name: sorted(role.people) for name, role in policy.roles.items()} == {
        "root": ["alice"],
        "witness": ["alice"],
        "approver": ["alice"],
    }


def test_a_member_can_be_the_witness(make_host: Hosts, make_key: Keys, tmp_path: Path) -> None:
    members = (("notary", pub(make_key("notary"))),)
    found(make_host, make_key, tmp_path / "a", members=members, witness="notary")
    roster = allowed_signers.parse((tmp_path / "a/.gitsync/allowed_signers").read_bytes())
    assert len(roster.keys_of("notary")) == 1
    policy = policyfile.parse((tmp_path / "a/.gitsync/policy.yaml").read_bytes())
    assert policy.witnesses == {"notary"}


@pytest.mark.parametrize("name", ["alice", "common", "james.desk"])
def test_a_member_is_one_more_person(
    make_host: Hosts, make_key: Keys, tmp_path: Path, name: str
) -> None:
    with pytest.raises(UsageError) as caught:
        found(make_host, make_key, tmp_path / "a", members=((name, pub(make_key("x"))),))
    assert caught.value.code == "init.member"


def test_one_key_is_not_two_people(make_host: Hosts, make_key: Keys, tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        found(make_host, make_key, tmp_path / "a", members=(("james", pub(make_key("alice"))),))
    assert caught.value.code == "roster.key-of-two-people"
    assert not (tmp_path / "a/.gitsync").exists()
