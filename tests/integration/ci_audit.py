"""What a forge does with a CI file: which events start which job, and what that job could lose.

``audit`` returns what is wrong as (code, sentence) pairs, nothing where all is well. It knows the
forges' own rules, from their documentation, and not how our files happen to be written: a job that
can reach a secret must not be one that somebody starts, stops or steers by pushing a proposal.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Finding = tuple[str, str]

#: Branches that somebody who may propose can push to.
WITHIN_REACH = (
    "proposals/james/x", "approvals/james/alice+x", "people/james", "gitsync/requests/eve",
    "common", "any",
)  # fmt: skip
TAG_WITHIN_REACH = "james@7"


def audit(forge: str, text: str, branch: str = "main") -> list[Finding]:
    """Everything that is wrong with one file of one forge; ``branch`` is the default branch."""
    document = YAML(typ="safe", pure=True).load(text)
    if forge == "gitlab":
        return list(_gitlab(document, branch))
    return list(Actions(document, branch, forge).findings())


def codes(forge: str, text: str) -> set[str]:
    """The codes of what is wrong."""
    return {code for code, _ in audit(forge, text)}


# -- GitHub Actions, and Forgejo Actions where it differs -------------------------------------

# These run the workflow file of the default branch, and their payload is not what a proposal says.
_FROM_DEFAULT = {"github": {"schedule", "workflow_run"}, "forgejo": {"schedule"}}
# Started by hand on a ref of one's choice; the branch guard and the secret's own place decide.
_BY_HAND = {"workflow_dispatch"}
_SECRET = re.compile(r"\bsecrets\b|\bgithub\.token\b|\bforge(?:jo)?\.token\b")
_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}|docker://\S+@sha256:[0-9a-f]{64}")
_FETCHES = re.compile(r"\bgit\s+(?:checkout|switch|worktree|pull|clone)\b|\bgh\s+pr\s+checkout\b")


@dataclass
class Actions:
    """One workflow file."""

    document: Mapping[str, Any]
    branch: str
    forge: str
    triggers: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        on = self.document["on"]
        if isinstance(on, str):
            on = [on]
        self.triggers = dict(on) if isinstance(on, dict) else dict.fromkeys(on)

    def findings(self) -> Iterator[Finding]:
        yield from self._permissions("the workflow", self.document.get("permissions"))
        for name, job in self.document["jobs"].items():
            yield from self._job(name, job)
            if self._keyed(job):
                yield from self._keyed_job(name, job)

    def _keyed(self, job: Mapping[str, Any]) -> bool:
        within = json.dumps([job, self.document.get("env", {})])
        return "environment" in job or _SECRET.search(within) is not None

    def _job(self, name: str, job: Mapping[str, Any]) -> Iterator[Finding]:
        if "permissions" in job:
            yield from self._permissions(name, job["permissions"])
        if "timeout-minutes" not in job:
            yield "timeout", f"{name} may run for hours"
        if "uses" in job:
            yield "unpinned", f"{name} is a workflow from elsewhere"
        for step in job.get("steps", ()):
            used = step.get("uses")
            if used is not None and not _PINNED.fullmatch(used):
                yield "unpinned", f"{name} uses {used}"
            if "${{" in step.get("run", ""):
                yield "interpolation", f"{name} pastes a value into a shell script"

    def _permissions(self, where: str, given: object) -> Iterator[Finding]:
        if self.forge != "github":
            return
        if given is None:
            yield "permissions", f"{where} has whatever the repository gives by default"
        elif not isinstance(given, dict):
            yield "permissions", f"{where} has {given}"
        else:
            for what, how in given.items():
                if how != "none" and (what, how) != ("contents", "read"):
                    yield "permissions", f"{where} has {what}: {how}"

    def _keyed_job(self, name: str, job: Mapping[str, Any]) -> Iterator[Finding]:
        for event, filters in self.triggers.items():
            if event not in _FROM_DEFAULT[self.forge] | _BY_HAND and self._reaches(event, filters):
                yield "trigger", f"{name} holds a secret and is started by {event}"
        if not self._guarded(job.get("if")):
            yield "branch", f"{name} holds a secret and runs on other branches than {self.branch}"
        if self.forge == "github" and "environment" not in job:
            yield "environment", f"{name} takes secrets that every branch's workflows can read"
        concurrency = job.get("concurrency", self.document.get("concurrency"))
        if not isinstance(concurrency, dict) or not concurrency.get("group"):
            yield "overlap", f"{name} may run twice at once"
        elif concurrency.get("cancel-in-progress") is not False:
            yield "cancelled", f"{name} may be stopped by a newer run"
        for step in job.get("steps", ()):
            if "checkout" in step.get("uses", "") or _FETCHES.search(step.get("run", "")):
                yield "checkout", f"{name} holds a secret and checks files out"

    def _guarded(self, condition: object) -> bool:
        if not isinstance(condition, str):
            return False
        inner = condition.strip().removeprefix("${{").removesuffix("}}")
        wanted = f"github.ref=='refs/heads/{self.branch}'"
        parts = [re.sub(r"\s", "", part) for part in inner.split("&&")]
        return "||" not in inner and wanted in parts

    def _reaches(self, event: str, filters: object) -> bool:
        """Whether something that a proposer pushes or opens sets off ``event``."""
        if event != "push":
            return True
        given = filters if isinstance(filters, dict) else {}
        branches, tags = given.get("branches"), given.get("tags")
        if branches is None and (tags is None or "branches-ignore" in given):
            return True
        return any(_matches(branches or (), ref) for ref in WITHIN_REACH) or _matches(
            tags or (), TAG_WITHIN_REACH
        )


def _matches(patterns: list[str], name: str) -> bool:
    """GitHub's filter patterns: the last one that matches decides, ``!`` takes away."""
    found = False
    for pattern in patterns:
        body = re.escape(pattern.removeprefix("!"))
        body = body.replace(r"\*\*", ".*").replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
        if re.fullmatch(body, name):
            found = not pattern.startswith("!")
    return found


# -- GitLab CI --------------------------------------------------------------------------------

_NO_JOBS = {
    "workflow", "variables", "default", "stages", "include", "image", "services", "cache",
    "before_script", "after_script", "spec", "pages",
}  # fmt: skip
_SOURCES = (
    "push", "web", "schedule", "trigger", "api", "pipeline", "parent_pipeline", "chat", "webide",
    "merge_request_event", "external_pull_request_event", "ondemand_dast_scan",
)  # fmt: skip
# Who may start these on a protected branch is somebody who may change its files as well.
_TRUSTED_SOURCES = {"schedule", "trigger", "web", "api", "push", "webide"}
_STEERED = re.compile(
    r"\$\{?(?:CI_COMMIT_(?:MESSAGE|TITLE|DESCRIPTION|AUTHOR|BRANCH|TAG|REF)\w*|CI_MERGE_REQUEST\w*"
    r"|CI_EXTERNAL\w*|TRIGGER_PAYLOAD|GITLAB_USER_\w+)"
)


def _gitlab(document: Mapping[str, Any], branch: str) -> Iterator[Finding]:
    if "include" in document:
        yield "unpinned", "a part of the file comes from elsewhere"
    cancel = (document.get("workflow") or {}).get("auto_cancel", {})
    if "interruptible" in cancel.values():
        yield "cancelled", "the pipeline may be stopped by a newer one"
    default = document.get("default", {})
    for name, job in document.items():
        if name in _NO_JOBS or name.startswith(".") or not isinstance(job, dict):
            continue
        # Protected variables go to every job of a pipeline on a protected ref: each holds the key.
        yield from _gitlab_job(name, {**default, **job}, document, branch)


def _gitlab_job(
    name: str, job: Mapping[str, Any], document: Mapping[str, Any], branch: str
) -> Iterator[Finding]:
    if "only" in job or "except" in job:
        yield "trigger", f"{name} says when it runs in a way that ignores the pipeline's source"
    for variables in _pipelines(branch):
        if not _passes((document.get("workflow") or {}).get("rules"), variables):
            continue
        if _passes(job.get("rules"), variables):
            ref = variables.get("CI_COMMIT_BRANCH") or variables.get("CI_COMMIT_TAG") or "a request"
            source = variables["CI_PIPELINE_SOURCE"]
            if ref != branch:
                yield "trigger", f"{name} runs on {ref} by {source}"
            elif source not in _TRUSTED_SOURCES:
                yield "trigger", f"{name} runs on {branch} by {source}"
    if job.get("interruptible") is not False:
        yield "cancelled", f"{name} may be stopped by a newer pipeline"
    if not job.get("resource_group"):
        yield "overlap", f"{name} may run twice at once"
    if "environment" not in job:
        yield "environment", f"{name} takes variables that no environment narrows"
    if "timeout" not in job:
        yield "timeout", f"{name} may run for hours"
    strategy = {**document.get("variables", {}), **job.get("variables", {})}.get("GIT_STRATEGY")
    if strategy != "none":
        yield "checkout", f"{name} holds the key and checks files out"
    for line in _lines(job):
        if _STEERED.search(line) or _FETCHES.search(line):
            yield "interpolation", f"{name} works with what a pusher wrote: {line.strip()[:60]}"


def _lines(job: Mapping[str, Any]) -> Iterator[str]:
    for part in ("before_script", "script", "after_script"):
        given = job.get(part, [])
        for one in [given] if isinstance(given, str) else given:
            yield from str(one).splitlines()


def _pipelines(branch: str) -> Iterator[dict[str, str]]:
    """The variables of every pipeline that somebody could set off."""
    for ref, source in itertools.product((branch, *WITHIN_REACH), _SOURCES):
        yield {
            "CI_DEFAULT_BRANCH": branch, "CI_PIPELINE_SOURCE": source, "CI_COMMIT_BRANCH": ref,
            "CI_COMMIT_REF_NAME": ref, "CI_COMMIT_REF_PROTECTED": "true",
        }  # fmt: skip
    for source in ("push", "web", "api", "schedule", "trigger"):
        yield {
            "CI_DEFAULT_BRANCH": branch, "CI_PIPELINE_SOURCE": source, "CI_COMMIT_REF_NAME": branch,
            "CI_COMMIT_TAG": TAG_WITHIN_REACH, "CI_COMMIT_REF_PROTECTED": "true",
        }  # fmt: skip
    yield {
        "CI_DEFAULT_BRANCH": branch, "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": "1", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": branch,
    }  # fmt: skip


def _passes(rules: list[Mapping[str, Any]] | None, variables: Mapping[str, str]) -> bool:
    """GitLab's ``rules``: the first one that matches decides; none that matches means no."""
    if rules is None:
        return True
    for rule in rules:
        if "if" not in rule or Condition(rule["if"], variables).holds():
            return bool(rule.get("when") != "never")
    return False


_TOKEN = re.compile(
    r"\s*(\$\w+|\"[^\"]*\"|'[^']*'|/(?:[^/\\]|\\.)+/i?|==|!=|=~|!~|&&|\|\||[()]|null)"
)


@dataclass
class Condition:
    """One ``if`` of GitLab's rules, for one set of variables; ``&&`` binds closer than ``||``."""

    text: str
    variables: Mapping[str, str]
    tokens: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.tokens, at = [], 0
        while at < len(self.text.rstrip()):
            found = _TOKEN.match(self.text, at)
            assert found is not None, f"not understood: {self.text[at:]}"
            self.tokens.append(found[1])
            at = found.end()

    def holds(self) -> bool:
        found = self._any()
        assert not self.tokens, f"left over: {self.tokens}"
        return found

    def _any(self) -> bool:
        found = self._all()
        while self.tokens[:1] == ["||"]:
            self.tokens.pop(0)
            found = self._all() or found
        return found

    def _all(self) -> bool:
        found = self._one()
        while self.tokens[:1] == ["&&"]:
            self.tokens.pop(0)
            found = self._one() and found
        return found

    def _one(self) -> bool:
        if self.tokens[0] == "(":
            self.tokens.pop(0)
            found = self._any()
            assert self.tokens.pop(0) == ")"
            return found
        left = self._value(self.tokens.pop(0))
        if self.tokens[:1] and self.tokens[0] in ("==", "!=", "=~", "!~"):
            sign, right = self.tokens.pop(0), self.tokens.pop(0)
            if sign in ("==", "!="):
                return (left == self._value(right)) == (sign == "==")
            body, _, flags = right[1:].rpartition("/")
            hit = re.search(body, left or "", re.IGNORECASE if flags else 0) is not None
            return hit == (sign == "=~")
        return bool(left)

    def _value(self, token: str) -> str | None:
        if token.startswith("$"):
            return self.variables.get(token[1:])
        return None if token == "null" else token[1:-1]
