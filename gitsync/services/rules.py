"""Policy and schema in a tree, remembered: reading YAML costs a hook more than all the rest.

The cache is named by the id of the folder that it was made of, and lies beside the hooks that read
it: whoever can change the one can change the other.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gitsync.codec.rulesjson import Rules, read_rules, write_rules
from gitsync.domain.errors import EnvironmentFault
from gitsync.domain.objects import Oid

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.storage.facts import StoreFacts

FILE = "hook-rules.json"


def rules_of(facts: StoreFacts, tree: Oid, state_dir: Path) -> Rules:
    """What the folder ``.gitsync`` of a root tree says, from the cache in ``state_dir`` or anew.

    Raises as ``Facts.settings`` does.
    """
    from gitsync.storage.durable import make_folder, write_atomic

    entry = facts.tree(tree).get(b".gitsync")
    key = Oid(entry[1].hex()) if entry is not None else Oid("")
    kept = state_dir / FILE
    with suppress(OSError):
        found = read_rules(kept.read_bytes(), key)
        if found is not None:
            return found
    settings = facts.settings(tree)
    rules = Rules(settings.policy, settings.schema)
    # Whoever may not write here still gets an answer, only later.
    with suppress(EnvironmentFault):
        make_folder(state_dir)
        write_atomic(kept, write_rules(key, rules), sync=False)
    return rules
