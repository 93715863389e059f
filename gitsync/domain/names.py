"""Domain names, slugs and the refs made of them (docs/reference/refs.md)."""

from __future__ import annotations

from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex

DEFAULT_SPACE = "common"
LOCKS_REF = "refs/heads/gitsync/locks"
#: Where what was fetched of a remote lies, below its name, until it is verified.
MIRROR = "refs/gitsync/remotes/"
PROPOSALS = "refs/heads/proposals/"
APPROVALS = "refs/heads/approvals/"
PEOPLE = "refs/heads/people/"
REQUESTS = "refs/heads/gitsync/requests/"
NODES = "refs/gitsync/nodes/"

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,37}[a-z0-9])?"
_DOMAIN = late_regex(rf"{_LABEL}(?:\.{_LABEL}){{0,2}}")
_SLUG = late_regex(r"[a-z0-9](?:[a-z0-9._+-]{0,98}[a-z0-9])?")
# A name must survive as a file on every file system and as a ref in every git.
_RESERVED = frozenset(
    {"head", "git", "con", "prn", "aux", "nul"}
    | {f"com{i}" for i in range(10)}
    | {f"lpt{i}" for i in range(10)}
)


def check_domain(name: str) -> str:
    """Return ``name`` if it may name a domain: up to three dot-joined labels, ``alice.desk``.

    A label is 1 to 39 characters of ``a-z 0-9 -``, not beginning or ending with a dash.
    Raises UsageError ``name.domain``.
    """
    labels = name.split(".")
    if not _DOMAIN.fullmatch(name) or any(
        label in _RESERVED or label == "lock" for label in labels
    ):
        raise UsageError(
            "name.domain",
            f"{name!r} cannot name a domain",
            hint="use lower-case letters, digits and dashes, for example: alice or alice.desk",
        )
    return name


def check_slug(slug: str) -> str:
    """Return ``slug`` if it may end a proposal's ref. Raises UsageError ``name.slug``."""
    if (
        not _SLUG.fullmatch(slug)
        or ".." in slug
        or slug.endswith(".lock")
        or slug.partition(".")[0] in _RESERVED
    ):
        raise UsageError(
            "name.slug",
            f"{slug!r} cannot name a proposal",
            hint="use lower-case letters, digits, dots and dashes, up to 100: --slug fix-budget",
        )
    return slug


def person_of(domain: str) -> str:
    """The person behind a domain: ``alice`` for ``alice.desk``."""
    return domain.partition(".")[0]


def space_branch(space: str) -> str:
    """The ref of a space's chain of snapshots."""
    if space == DEFAULT_SPACE:
        return "refs/heads/common"
    return f"refs/heads/spaces/{check_domain(space)}"


def receipts_ref(space: str) -> str:
    """The ref of a space's receipts."""
    return f"refs/heads/gitsync/receipts/{space}"


def position_tag(domain: str, number: int) -> str:
    """The tag of one numbered snapshot: ``refs/tags/common@7``."""
    return f"refs/tags/{domain}@{number}"


def parse_position(text: str) -> tuple[str, int] | None:
    """``common@7`` as ("common", 7); None when the text is not a position."""
    name, at, number = text.rpartition("@")
    if not at or not _DOMAIN.fullmatch(name):
        return None
    if not number.isascii() or not number.isdigit() or len(number) > 12 or number.startswith("0"):
        return None
    return name, int(number)


def people_branch(domain: str) -> str:
    """The branch that a person works on."""
    return PEOPLE + check_domain(domain)


@frozen
class ProposalName:
    """Who proposes, and the name that the proposal goes by: ``alice/fix-budget``."""

    domain: str
    slug: str

    @property
    def ref(self) -> str:
        """The ref that a proposal of this name lives on."""
        return f"{PROPOSALS}{self.domain}/{self.slug}"

    def approval_ref(self, who: str) -> str:
        """The ref that the tool gives to an approval of this proposal by ``who``."""
        return f"{APPROVALS}{who}/{self.domain}+{self.slug}"

    def __lt__(self, other: ProposalName) -> bool:
        return (self.domain, self.slug) < (other.domain, other.slug)

    def __str__(self) -> str:
        return f"{self.domain}/{self.slug}"


def _two(ref: str, prefix: str) -> ProposalName | None:
    if not ref.startswith(prefix):
        return None
    domain, _, slug = ref[len(prefix) :].partition("/")
    try:
        return ProposalName(check_domain(domain), check_slug(slug))
    except UsageError:
        return None


def parse_proposal_ref(ref: str) -> ProposalName | None:
    """The name in ``refs/heads/proposals/<domain>/<slug>``, or None for any other ref."""
    return _two(ref, PROPOSALS)


def parse_approval_ref(ref: str) -> ProposalName | None:
    """Who approves (``domain``) and the ref's own slug, or None for any other ref."""
    return _two(ref, APPROVALS)


def parse_proposal_name(text: str, default_domain: str | None = None) -> ProposalName:
    """``alice/fix`` or, with a default domain, ``fix``. Raises UsageError."""
    text = text.removeprefix(PROPOSALS).removeprefix("proposals/")
    domain, slash, slug = text.partition("/")
    if not slash:
        if default_domain is None:
            raise UsageError(
                "name.proposal",
                f"{text!r} does not say whose proposal it is",
                hint="write it as NAME/SLUG, for example: alice/fix-budget",
            )
        domain, slug = default_domain, text
    return ProposalName(check_domain(domain), check_slug(slug))
