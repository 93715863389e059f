"""A ledger with an attacker beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.ledgerkit import Hand

if TYPE_CHECKING:
    from tests.conftest import Ledger


@pytest.fixture
def hand(ledger: Ledger) -> Hand:
    """The attacker's hand on the hub: any object on any ref."""
    return Hand(ledger)
