"""The files of ``witness install-ci``: no job that holds a key is in a proposer's hands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from gitsync.codec.cifiles import FORGES, CiSettings, ci_files
from gitsync.domain.errors import UsageError
from tests.integration.ci_audit import WITHIN_REACH, Condition, audit, codes

ANCHOR = "a" * 40
SPEC = "gitsync @ git+https://example.org/team/gitsync@" + "b" * 40
KNOWN = ("example.org ssh-ed25519 AAAAC3Nz", "example.org ecdsa-sha2-nistp256 AAAAE2Vj")
REMEMBERING = {"github": True, "gitlab": True, "forgejo": False}


def settings(**more) -> CiSettings:
    given = {"home": "git@example.org:team/plans.git", "anchor": ANCHOR, "install": SPEC}
    return CiSettings(**{**given, "known_hosts": KNOWN, **more})


def files(forge: str, **more) -> dict[str, str]:
    return ci_files(forge, settings(**more))


def keyed(forge: str, **more) -> str:
    """The file with the job that holds the key."""
    return list(files(forge, **more).values())[-1]


def variants() -> list:
    return list(_variants())


def _variants():
    for forge in FORGES:
        for remember in {False, REMEMBERING[forge]}:
            for known in (KNOWN, ()):
                home = "git@example.org:team/plans.git" if known else "/srv/plans.git"
                made = files(forge, home=home, known_hosts=known, remember=remember)
                for path, text in made.items():
                    kind = f"{'-ssh' if known else ''}{'-remember' if remember else ''}"
                    yield pytest.param(forge, text, id=Path(path).stem.lstrip(".") + kind)


@pytest.mark.parametrize(("forge", "text"), variants())
def test_nothing_is_found_in_what_we_write(forge, text):
    assert audit(forge, text) == []


def swap(old: str, new: str):
    def change(text: str) -> str:
        assert old in text, f"{old!r} is not in the file any more"
        return text.replace(old, new)

    return change


def drop(pattern: str):
    def change(text: str) -> str:
        found = re.sub(pattern, "", text, flags=re.MULTILINE)
        assert found != text, f"{pattern!r} is not in the file any more"
        return found

    return change


DISPATCH = "  workflow_dispatch:\n"
GUARD = "    if: github.ref == 'refs/heads/main'\n"
STEP = "    steps:\n"
RUN = "# One run of the witness"
ACTIONS = [
    ("on-push", swap(DISPATCH, "  push:\n"), "trigger"),
    ("push-proposals", swap(DISPATCH, "  push:\n    branches: ['proposals/**']\n"), "trigger"),
    ("push-all-but", swap(DISPATCH, "  push:\n    branches-ignore: [main]\n"), "trigger"),
    ("push-stars", swap(DISPATCH, "  push:\n    branches: ['**', '!main']\n"), "trigger"),
    ("push-tags", swap(DISPATCH, "  push:\n    tags: ['*']\n"), "trigger"),
    ("pull-request", swap(DISPATCH, "  pull_request:\n"), "trigger"),
    ("pull-request-target", swap(DISPATCH, "  pull_request_target:\n"), "trigger"),
    ("branch-created", swap(DISPATCH, "  create:\n"), "trigger"),
    ("comment", swap(DISPATCH, "  issue_comment:\n"), "trigger"),
    ("no-branch-rule", drop(re.escape(GUARD)), "branch"),
    ("branch-or", swap("'refs/heads/main'\n", "'refs/heads/main' || true\n"), "branch"),
    ("other-branch", swap("refs/heads/main", "refs/heads/common"), "branch"),
    ("cancelled", swap("cancel-in-progress: false", "cancel-in-progress: true"), "cancelled"),
    ("cancelled-maybe", swap("progress: false", "progress: ${{ true }}"), "cancelled"),
    ("no-concurrency", drop(r"^concurrency:\n(?:  .*\n)+"), "overlap"),
    ("no-timeout", drop(r"^    timeout-minutes: .*\n"), "timeout"),
    ("tag-not-hash", swap(STEP, f"{STEP}      - uses: actions/setup-python@v6\n"), "unpinned"),
    ("short-hash", swap(STEP, f"{STEP}      - uses: actions/cache@0057852b\n"), "unpinned"),
    ("local-action", swap(STEP, f"{STEP}      - uses: ./.github/actions/x\n"), "unpinned"),
    ("event-in-script", swap(RUN, "echo ${{ github.event.head_commit.message }} #"),
     "interpolation"),
    ("checkout", swap(STEP, f"{STEP}      - uses: actions/checkout@{'c' * 40}\n"), "checkout"),
    ("checkout-by-git", swap(RUN, 'git checkout "$GITHUB_HEAD_REF" #'), "checkout"),
]  # fmt: skip
GITHUB = [
    ("no-environment", drop(r"^    environment: .*\n"), "environment"),
    ("write-permission", swap("permissions: {}", "permissions: {contents: write}"), "permissions"),
    ("write-all", swap("permissions: {}", "permissions: write-all"), "permissions"),
    ("default-permissions", drop(r"^permissions: .*\n"), "permissions"),
    ("write-in-the-job", swap(GUARD, f"{GUARD}    permissions: {{actions: write}}\n"),
     "permissions"),
]  # fmt: skip
DEFAULT_RULE = r"^ *- if: \$CI_COMMIT_BRANCH == \$CI_DEFAULT_BRANCH && .*\n"
MAIN = "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && "
GITLAB = [
    ("no-rules", drop(rf"^ *rules:\n(?:{DEFAULT_RULE})+"), "trigger"),
    ("missing-branch-rule", swap(MAIN, ""), "trigger"),
    ("or-for-and", swap("BRANCH && ", "BRANCH || "), "trigger"),
    ("by-proposal", swap(MAIN, '$CI_COMMIT_BRANCH =~ /^proposals/ || '), "trigger"),
    ("by-ref-name", swap("$CI_COMMIT_BRANCH ==", "$CI_COMMIT_REF_NAME =="), "trigger"),
    ("protected-refs", swap(MAIN, '$CI_COMMIT_REF_PROTECTED == "true" && '), "trigger"),
    ("merge-request", swap('== "web"', '== "web" || $CI_MERGE_REQUEST_IID'), "trigger"),
    ("child-pipeline", swap('== "web"', '== "parent_pipeline"'), "trigger"),
    ("always", swap(f'- if: {MAIN}$CI_PIPELINE_SOURCE == "web"', "- when: always"), "trigger"),
    ("only", swap("  interruptible: false\n", "  interruptible: false\n  only: [branches]\n"),
     "trigger"),
    ("another-job", lambda text: text + "\nleak:\n  only: [proposals]\n  script: [env]\n",
     "trigger"),
    ("interruptible", swap("interruptible: false", "interruptible: true"), "cancelled"),
    ("auto-cancel", swap("workflow:", "workflow:\n  auto_cancel: {on_new_commit: interruptible}"),
     "cancelled"),
    ("two-at-once", drop(r"^  resource_group: .*\n"), "overlap"),
    ("no-environment", drop(r"^  environment:\n(?:    .*\n)+"), "environment"),
    ("no-timeout", drop(r"^  timeout: .*\n"), "timeout"),
    ("checkout", drop(r"^    GIT_STRATEGY: none\n"), "checkout"),
    ("include", lambda text: text + "\ninclude: [{remote: 'https://example.org/x.yml'}]\n",
     "unpinned"),
    ("title-in-script", swap(RUN, "echo $CI_COMMIT_TITLE #"), "interpolation"),
    ("payload", swap(RUN, "jq . $TRIGGER_PAYLOAD #"), "interpolation"),
]  # fmt: skip
MUTANTS = [
    *(("github", *one) for one in ACTIONS + GITHUB),
    *(("forgejo", *one) for one in ACTIONS),
    ("forgejo", "workflow-run", swap(DISPATCH, "  workflow_run: {workflows: [x]}\n"), "trigger"),
    *(("gitlab", *one) for one in GITLAB),
]


@pytest.mark.parametrize(
    ("forge", "change", "code"),
    [
        pytest.param(forge, change, code, id=f"{forge}-{name}")
        for forge, name, change, code in MUTANTS
    ],
)
def test_a_file_that_was_loosened_is_found_out(forge, change, code):
    assert code in codes(forge, change(keyed(forge)))


NOTICE_MUTANTS = [
    ("secret", swap("run: 'true'", "run: ./x\n        env: {K: '${{ secrets.GITSYNC_KEY }}'}"),
     "trigger"),
    ("token", swap("run: 'true'", "run: ./x\n        env: {K: '${{ github.token }}'}"), "trigger"),
    ("environment", swap(STEP, f"    environment: gitsync-witness\n{STEP}"), "trigger"),
    ("secret-for-all", swap("jobs:", "env: {K: '${{ secrets.GITSYNC_KEY }}'}\njobs:"), "trigger"),
    ("inherits", swap(STEP, f"    secrets: inherit\n{STEP}"), "trigger"),
    ("write", swap("permissions: {}", "permissions: {contents: write}"), "permissions"),
    ("event", swap("run: 'true'", "run: echo ${{ github.ref_name }}"), "interpolation"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"), [pytest.param(*one[1:], id=one[0]) for one in NOTICE_MUTANTS]
)
def test_the_job_without_a_key_stays_without(change, code):
    notice = files("github")[".github/workflows/gitsync-notice.yml"]
    assert audit("github", notice) == []
    assert code in codes("github", change(notice))


def test_the_notice_hears_of_proposals_and_approvals():
    on = YAML(typ="safe").load(next(iter(files("github").values())))["on"]
    assert on == {"push": {"branches": ["proposals/**", "approvals/**"]}}
    witness = YAML(typ="safe").load(keyed("github"))["on"]["workflow_run"]
    notice = YAML(typ="safe").load(next(iter(files("github").values())))
    assert witness == {"workflows": [notice["name"]], "types": ["completed"]}


@pytest.mark.parametrize(
    ("text", "branch", "holds"),
    [
        ('$A == "x" && $B == "y"', "", False),
        ('$A == "x" || $B == "y" && $C', "", True),
        ('($A == "x" || $B == "y") && $C', "", False),
        ('$A =~ /^X$/i && $C == null && $A != "z" && $A !~ /q/', "", True),
    ],
)
def test_conditions_are_read_as_gitlab_reads_them(text, branch, holds):
    assert Condition(text, {"A": "x"}).holds() is holds


def test_the_audit_looks_from_every_ref_that_a_proposer_has():
    heads = {ref.partition("/")[0] for ref in WITHIN_REACH}
    assert {"proposals", "approvals", "people", "gitsync", "common"} <= heads


@pytest.mark.parametrize("forge", FORGES)
@pytest.mark.parametrize("known", [KNOWN, ()], ids=["ssh", "folder"])
def test_the_scripts_are_the_same_everywhere_and_bash_reads_them(forge, known, tmp_path):
    home = "git@example.org:team/plans.git" if known else "/srv/plans.git"
    found = scripts(forge, keyed(forge, home=home, known_hosts=known))
    assert found["witness"] == scripts("github", keyed("github"))["witness"]
    for name, text in found.items():
        path = tmp_path / name
        path.write_text(text)
        done = subprocess.run(["bash", "-n", path], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


def scripts(forge: str, text: str) -> dict[str, str]:
    """The texts that the forge hands to a shell, by step."""
    document = YAML(typ="safe").load(text)
    if forge == "gitlab":
        job = document["gitsync-witness"]
        return {"install": job["before_script"][0], "witness": job["script"][0]}
    steps = document["jobs"]["witness"]["steps"]
    return {step["name"].lower(): step["run"] for step in steps if "run" in step}


def variables(forge: str, text: str, step: str) -> dict[str, str]:
    document = YAML(typ="safe").load(text)
    if forge == "gitlab":
        return document["gitsync-witness"]["variables"]
    steps = document["jobs"]["witness"]["steps"]
    return next(one["env"] for one in steps if one["name"].lower() == step)


@pytest.mark.parametrize("forge", FORGES)
def test_the_step_that_installs_sees_no_secret(forge):
    text = keyed(forge)
    if forge == "gitlab":
        assert "unset GITSYNC_KEY GITSYNC_PUSH_KEY" in scripts(forge, text)["install"]
        assert "GITSYNC_KEY:" not in text
        return
    installing = variables(forge, text, "install")
    assert set(installing) == {"GITSYNC_WORK", "GITSYNC_INSTALL"}
    assert [k for k, v in variables(forge, text, "witness").items() if "secrets." in v] == [
        "GITSYNC_KEY",
        "GITSYNC_PUSH_KEY",
    ]


@pytest.mark.parametrize("forge", FORGES)
def test_values_arrive_as_they_were_given(forge):
    home = 'ssh://git@example.org:2222/team/it\'s "odd" #1: yes.git'
    found = variables(forge, keyed(forge, home=home), "witness")
    assert found["GITSYNC_HOME"] == home
    assert found["GITSYNC_ANCHOR"] == ANCHOR
    assert found["GITSYNC_KNOWN_HOSTS"] == "\n".join(KNOWN)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"home": "git@x:${{ secrets.A }}"}, "ci.value"),
        ({"home": "git@x:$(touch x)"}, "ci.value"),
        ({"home": "git@x:a\nrun: evil"}, "ci.value"),
        ({"home": ""}, "ci.value"),
        ({"branch": "main' || 'a' == 'a"}, "ci.value"),
        ({"image": "python:3 --privileged"}, "ci.value"),
        ({"cron": "* * * *"}, "ci.cron"),
        ({"cron": "* * * * *'\n"}, "ci.cron"),
        ({"install": "gitsync"}, "ci.unpinned"),
        ({"install": "gitsync==1.0"}, "ci.unpinned"),
        ({"install": "gitsync @ git+https://example.org/gitsync@main"}, "ci.unpinned"),
        ({"install": "https://example.org/gitsync.whl"}, "ci.unpinned"),
        ({"install": "--index-url=https://x gitsync@" + "b" * 40}, "ci.unpinned"),
    ],
)
def test_values_that_would_be_something_else_are_refused(more, code):
    with pytest.raises(UsageError) as caught:
        settings(**more)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "install",
    ["/srv/gitsync", f"git+ssh://git@example.org/gitsync@{'b' * 40}",
     f"https://example.org/gitsync.whl#sha256={'0' * 64}"],
)  # fmt: skip
def test_pins_that_hold(install):
    assert settings(install=install).install == install


# -- other people's checks, where they can be had ---------------------------------------------


def actionlint() -> str | None:
    return shutil.which("actionlint") or shutil.which(
        "actionlint", path=str(Path(sys.executable).parent)
    )


@pytest.mark.skipif(actionlint() is None, reason="no actionlint here: make actionlint gets it (Go)")
@pytest.mark.parametrize("forge", ["github", "forgejo"])
@pytest.mark.parametrize("remember", [False, True])
def test_actionlint_has_nothing_to_say(forge, remember, tmp_path):
    made = files(forge, remember=remember and REMEMBERING[forge])
    for path, text in made.items():
        file = tmp_path / Path(path).name
        file.write_text(text)
        # Forgejo's runners have labels of their own.
        ignored = ["-ignore", 'label "docker" is unknown'] if forge == "forgejo" else []
        done = subprocess.run(
            [actionlint(), "-no-color", *ignored, file], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(actionlint() is None, reason="no actionlint here: make actionlint gets it (Go)")
def test_actionlint_would_have_something_to_say(tmp_path):
    file = tmp_path / "x.yml"
    file.write_text(keyed("github").replace("runs-on:", "run-on:"))
    done = subprocess.run([actionlint(), file], capture_output=True, check=False)
    assert done.returncode == 1


@pytest.fixture(scope="module")
def schema_of():
    """The JSON Schemas of SchemaStore and GitLab, as check-jsonschema ships them."""
    import json
    from importlib import resources

    folder = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"

    def read(forge):
        name = "gitlab-ci.json" if forge == "gitlab" else "github-workflows.json"
        return jsonschema.Draft7Validator(json.loads((folder / name).read_text("utf-8")))

    return read


@pytest.mark.parametrize(("forge", "text"), variants())
def test_the_published_schema_is_met(forge, text, schema_of):
    assert list(schema_of(forge).iter_errors(YAML(typ="safe").load(text))) == []


@pytest.mark.parametrize("forge", FORGES)
def test_the_published_schema_is_a_check_that_can_fail(forge, schema_of):
    broken = YAML(typ="safe").load(keyed(forge))
    (broken["gitsync-witness"] if forge == "gitlab" else broken["jobs"]["witness"])["timeuot"] = 1
    broken["concurrency" if forge != "gitlab" else "stages"] = {"no": 1}
    assert list(schema_of(forge).iter_errors(broken))
