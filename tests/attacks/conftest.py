"""A ledger with an attacker beside it; and each attack again, with its defence taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitsync.domain.errors import GitsyncError
from tests.attacks.mutants import without
from tests.attacks.mutations import BY_TEST, Mutation
from tests.attacks.stock import Stock
from tests.integration.ledgerkit import Hand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Ledger


@pytest.fixture
def hand(ledger: Ledger) -> Hand:
    """The attacker's hand on the hub: any object on any ref."""
    return Hand(ledger)


@pytest.fixture
def stock(ledger: Ledger) -> Callable[..., Stock]:
    """A clone by stock git for somebody: ``stock("james")``."""
    return lambda who, key=None: Stock.clone(ledger, who, key)


@pytest.fixture(autouse=True)
def defence(request: pytest.FixtureRequest) -> Mutation | None:
    """The defence that this run of the test goes without; None where all of them stand."""
    found: Mutation | None = getattr(request, "param", None)
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every attack that the table names runs once as it is, and once without each defence."""
    mutations = BY_TEST.get(metafunc.function.__name__, [])
    if mutations:
        runs = [None, *mutations]
        metafunc.parametrize(
            "defence", runs, indirect=True, ids=[str(one or "held") for one in runs]
        )


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """A run without its defence has to fail, by an assertion or by an error that a user would see.

    Anything else means that the mutation broke the code instead of taking the defence out.
    """
    mutation = pyfuncitem.funcargs.get("defence")
    if mutation is None:
        return (yield)
    with without(mutation):
        try:
            yield
        except (AssertionError, pytest.fail.Exception, GitsyncError):
            return True
    pytest.fail(f"survived: the attack's test does not notice that this is gone: {mutation}")
