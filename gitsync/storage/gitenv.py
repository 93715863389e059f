"""The environment of a spawned git. Next to nothing is imported here: a command line that reads
files starts git before it loads anything else."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# The text of a private key is for this process, not for git, ssh and what they start.
_OURS = "GITSYNC_KEY"

# Transport and credentials stay the user's own; everything else that begins with GIT_ could
# redirect us to another repository, index or object store.
_KEPT = frozenset(
    {
        "GIT_ASKPASS",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
        "GIT_SSL_NO_VERIFY",
        "GIT_PROXY_COMMAND",
        "GIT_TERMINAL_PROMPT",
        "GIT_CURL_VERBOSE",
        "GIT_TRACE",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_ALLOW_PROTOCOL",
        "GIT_PROTOCOL_FROM_USER",
    }
)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a spawned git: ours without what would redirect it."""
    env = {
        key: value
        for key, value in os.environ.items()
        if key in _KEPT or not (key.startswith("GIT_") or key == _OURS)
    }
    env["LC_ALL"] = "C.UTF-8"
    env["GIT_NO_REPLACE_OBJECTS"] = "1"
    env["GIT_OPTIONAL_LOCKS"] = "0"
    # What these commands do, they have checked themselves; the user's own hooks still run.
    env["GITSYNC_HOOKS"] = "0"
    env.update(extra or {})
    return env
