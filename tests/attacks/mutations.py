"""The defences, each taken out in one place: the attack's test must then fail.

A line is the test, the module below ``gitsync/``, a piece of its source and what stands there
instead. ``tests/attacks/mutants.py`` takes them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutation:
    """In ``module`` the text ``old``, which stands there exactly once, becomes ``new``. ``more``
    are further (module, old, new), where a second line of defence would hide the first."""

    test: str
    module: str
    old: str
    new: str
    more: tuple[tuple[str, str, str], ...] = ()

    def __str__(self) -> str:
        """The name of a run without this defence."""
        return f"without {Path(self.module).stem}: {' '.join(self.old.split())[:60]}"


M = Mutation
MUTATIONS: tuple[Mutation, ...] = (
    M("test_backdated_commit_with_a_retired_key", "domain/ledger/entrance.py",
      "state.settings.roster.person(key.blob)",
      "facts.settings(facts.commit(state.ledger).tree).roster.person(key.blob)"),
    M("test_refs_replace", "storage/gitcli.py", 'env["GIT_NO_REPLACE_OBJECTS"] = "1"', "pass"),
    M("test_signature_malleation", "codec/sshsig.py", ">= _ED25519_ORDER", "< 0"),
    M("test_signature_malleation", "codec/sshsig.py", "if encode(sig) != armored:", "if False:"),
    M("test_signature_malleation", "codec/gitobjects.py",
      'b"gpgsig") and key not in single:', 'b"gpgsig"):',
      (("codec/gitobjects.py", "if data != encode_commit(commit):", "if False:"),)),
    M("test_signature_malleation", "codec/gitobjects.py",
      "elif key in _EXTRA:", 'elif key in (*_EXTRA, b"gpgsig-sha256"):'),
    M("test_unauthorised_ancestor_below_an_authorised_tip", "domain/ledger/entrance.py",
      "for oid in commits:", "for oid in [candidate.tip]:"),
    M("test_unsigned_or_refused_commits_below_a_signed_tip", "domain/ledger/entrance.py",
      "for oid in commits:", "for oid in [candidate.tip]:"),
    M("test_unsigned_or_refused_commits_below_a_signed_tip", "domain/ledger/content.py",
      "for oid in commits:", "for oid in list(commits)[-1:]:"),
    M("test_missing_roster_or_revocation_file", "domain/roster.py", "if not kept:", "if False:"),
    M("test_replay_of_a_proposal_across_refs_or_ledgers", "domain/ledger/entrance.py",
      "if record.ref not in (None, candidate.name.ref):", "if False:"),
    M("test_replay_of_a_proposal_across_refs_or_ledgers", "domain/ledger/entrance.py",
      "if record.ledger not in (None, state.ledger):", "if False:"),
    M("test_replay_of_a_proposal_across_refs_or_ledgers", "domain/ledger/entrance.py",
      "if oid == candidate.tip and person != person_of(candidate.name.domain):", "if False:"),
    M("test_replay_of_a_proposal_across_refs_or_ledgers", "domain/ledger/history.py",
      "if not commit.parents:", "if False:"),
    M("test_old_signed_work_in_progress_pushed_again", "domain/ledger/entrance.py",
      "if record.kind not in (None, PROPOSAL) or record.approves is not None:", "if False:"),
    M("test_old_signed_work_in_progress_pushed_again", "services/takebacks.py",
      "older = record.predecessor if record is not None else None", "older = None"),
    M("test_a_withdrawn_proposal_pushed_again", "services/deciding.py",
      "if taken is not None:\n            return taken\n        known", "known"),
    M("test_forged_approval", "domain/ledger/approvals.py",
      "or record.approves != proposal", "",
      (("services/deciding.py", "approved = self.facts.record(tip).approves",
        "approved = self.facts.record(tip).approves or self.facts.commit(tip).parents[0]"),)),
    M("test_forged_approval", "domain/ledger/approvals.py",
      "commit.tree != facts.commit(proposal).tree or", ""),
    M("test_forged_approval", "domain/ledger/approvals.py",
      "commit.parents != (proposal,) or", ""),
    M("test_one_person_two_keys_one_key_two_names_duplicate_signature",
      "domain/ledger/approvals.py", "approvals.setdefault(person, oid)",
      "approvals[person + oid] = oid",
      (("domain/ledger/approvals.py",
        "{person for person in backing.approvals if person in role.people}",
        "{one for one in backing.approvals if one[:-40] in role.people}"),)),
    M("test_one_person_two_keys_one_key_two_names_duplicate_signature", "domain/roster.py",
      "if len(people) > 1:", "if False:"),
    M("test_one_person_two_keys_one_key_two_names_duplicate_signature", "domain/roster.py",
      "if earlier is not entry:", "if False:"),
    M("test_approved_parts_merge_into_a_whole_that_nobody_approved", "domain/ledger/judge.py",
      "if entry_at(self.facts, merged, raw) != entry_at(self.facts, theirs, raw):", "if False:"),
    M("test_policy_rollback", "domain/ledger/config.py", "if after != before + 1:",
      "if False:"),
    M("test_rotation_lacks_the_old_or_the_new_threshold", "domain/ledger/config.py",
      "used, missing = counted(state.settings.policy, _ROOT, backing)", "used, missing = [], 0"),
    M("test_rotation_lacks_the_old_or_the_new_threshold", "domain/ledger/config.py",
      "more, missing = counted(new.policy, _ROOT, after)", "more, missing = [], 0"),
    M("test_rotation_lacks_the_old_or_the_new_threshold", "domain/ledger/config.py",
      "collect(facts, new.roster,", "collect(facts, state.settings.roster,"),
    M("test_threshold_of_zero_or_below", "domain/policy.py",
      "if not 1 <= self.threshold <= len(self.people):", "if False:"),
    M("test_policy_file_deleted", "codec/settings.py", 'policyfile.parse(policy or b"", POLICY)',
      'policyfile.parse(policy or b"{version: 2, space: common, home: ., merge: 1, roles: {root:'
      ' {people: [alice]}, witness: {people: [alice]}, approver: {people: [alice]}}}", POLICY)'),
    M("test_self_authorising_change", "domain/ledger/config.py",
      "used, missing = counted(state.settings.policy, _ROOT, backing)",
      "used, missing = counted(new.policy, _ROOT, backing)"),
    M("test_rollback_of_common", "services/verifying.py",
      "if floor is None or floor.space", "if True or floor.space"),
    M("test_rollback_of_common", "services/verifying.py",
      "if number < stored.number and self._descends(stored.commit, tip):", "if False:"),
    M("test_freeze", "services/inspecting.py",
      "ws.host.seconds() - report.sealed > max_age", "False"),
    M("test_gap_and_the_same_number_with_other_content", "services/replay.py",
      "if record.number != number or record.space != state.space:", "if False:"),
    M("test_gap_and_the_same_number_with_other_content", "services/verifying.py",
      "if evidence.contradicts(ours, theirs):", "if False:"),
    M("test_equivocation_two_snapshots_of_one_number", "services/verifying.py",
      "for number in sorted(own.keys() & view.tags.keys()):", "for number in ():"),
    M("test_equivocation_two_snapshots_of_one_number", "services/evidence.py",
      "if not contradicts(first, second):", "if False:"),
    M("test_mix_and_match_of_refs", "services/sidechains.py",
      "if rank is None or rank < self._last:", "if False:",
      (("services/sidechains.py", "for oid in self._new:", "for oid in ():"),)),
    M("test_mix_and_match_of_refs", "services/verifying.py", "if beyond:", "if False:"),
    M("test_deleted_or_rolled_back_locks_or_receipts_ref", "services/sidechains.py",
      "missing = {one for one in (verified, recorded) if one is not None}", "missing = set()",
      (("services/sidechains.py", "if verified is not None else chain", "if False else chain"),
       ("services/sidechains.py", "if recorded is not None:", "if False:"))),
    M("test_a_ref_name_that_no_clone_can_hold", "services/refview.py",
      "if not overlong:", "if True:"),
    M("test_a_branch_that_becomes_a_folder", "storage/transport.py",
      'if "; cannot create" in result.err:', "if False:"),
    M("test_a_folder_where_a_tag_belongs", "services/tagkeeping.py",
      "if ref.startswith(folder):", "if False:"),
    M("test_framing", "services/witness.py", "        self.home.emit(updates)\n",
      "        for one in batch.landed:\n            tag = self._tags._make(state, one.number,"
      " one.commit, notary)\n            updates.append(RefUpdate(f'refs/tags/{state.space}@"
      "{one.number}', tag, None))\n        self.repo.store.flush()\n"
      "        self.home.emit(updates)\n"),
    M("test_two_witness_instances_race", "storage/transport.py",
      'f"--force-with-lease={update.ref}:{update.old or \'\'}" for update in updates',
      '"--force" for update in updates'),
    M("test_censorship", "services/deciding.py",
      "if self.book.under(candidate.name, candidate.tip) is None:", "if False:"),
    M("test_missing_or_deleted_tag_unsigned_ref", "services/replay.py",
      "    if not fine:", "    if False:"),
    M("test_missing_or_deleted_tag_unsigned_ref", "services/proving.py",
      "if any(number > state.number for number in self.tags):", "if False:"),
    M("test_tag_transplant", "services/replay.py",
      'if tag.name != name or tag.target != commit or tag.target_kind != "commit":', "if False:"),
    M("test_evil_merge_an_extra_edit_or_a_lost_one", "services/replay.py",
      "if landing.tree != commit.tree:", "if False:",
      (("services/replay.py", "if commit_payload(expected) != commit_payload(commit):",
        "if False:"),)),
    M("test_poisoned_cache_or_index", "services/verifying.py",
      "return once(anew=True)", "raise"),
    M("test_merge_driver_or_attributes_in_the_repo_or_config", "domain/ledger/judge.py",
      "merged = merging.merge(bases, self.state.tree, theirs)",
      "merged = merging.merge(bases, self.state.tree, theirs); __import__('tests.attacks.stock',"
      " fromlist=['x']).stock_merge(self.facts, self.state.commit, self.candidate.tip)"),
    M("test_revert_lost_in_a_criss_cross_of_pending_proposals", "domain/ledger/merging.py",
      "for place, other in enumerate(bases[1:], start=1):", "for place, other in ():"),
    M("test_a_file_of_100_mb", "domain/ledger/content.py",
      "if size > limits.file_bytes:", "if False:"),
    M("test_deep_or_aliased_yaml_endless_policy", "codec/yamltext.py",
      "if len(data) > max_bytes:", "if False:"),
    M("test_deep_or_aliased_yaml_endless_policy", "codec/yamltext.py",
      "if len(path) > MAX_DEPTH:", "if False:"),
    M("test_deep_or_aliased_yaml_endless_policy", "codec/yamltext.py",
      'raise self._error("yaml.alias", "aliases are not read; repeat the value", event)',
      "return"),
    M("test_paths_that_escape_hide_or_collide", "domain/ledger/content.py",
      "problem = segment_problem(segment)", "problem = None"),
    M("test_paths_that_escape_hide_or_collide", "domain/ledger/content.py",
      "problem = mode_problem(after[0]) if after is not None else None", "problem = None"),
    M("test_paths_that_escape_hide_or_collide", "domain/ledger/content.py",
      "if twin is not None:", "if False:"),
    M("test_paths_that_escape_hide_or_collide", "domain/ledger/judge.py",
      "check_collisions(self.facts, merged, net)", "pass"),
    M("test_a_proposal_edits_a_workflow_or_names_a_ci_path", "domain/ledger/content.py",
      "if policy.denied(path):", "if False:"),
    M("test_a_proposal_edits_a_workflow_or_names_a_ci_path", "domain/policy.py",
      "folded = _fold(path)", "folded = path"),
    M("test_control_and_escape_characters_in_names_titles_messages", "cli/text.py",
      "if text.isprintable():", "if True:"),
    M("test_a_home_takes_no_forged_snapshot", "services/receiving.py",
      "lambda part: _check_chain(push, part)", "lambda part: None"),
    M("test_a_home_lets_nobody_delete_what_stays", "services/receiving.py",
      "if kind.kind in _FOR_GOOD and update.new is None:", "if False:",
      (("services/receiving.py", "lambda part: _check_chain(push, part)", "lambda part: None"),)),
    M("test_a_home_gives_each_number_one_tag", "services/receiving.py",
      "and update.old is not None:", "and False:"),
    M("test_a_home_lets_branches_only_grow", "services/receiving_own.py",
      "if update.old is not None and not self._reaches(new, update.old):", "if False:"),
    M("test_a_home_knows_whose_branch_it_is", "services/receiving_own.py",
      "if person != person_of(ref.domain):\n            raise RefusedError(\n"
      "                \"ref.not-yours\"", "if False:\n            raise RefusedError(\n"
      "                \"ref.not-yours\""),
    M("test_a_home_takes_no_old_state_of_a_proposal", "services/receiving_own.py",
      "if self._facts.commit(new).committer.seconds <= then:", "if False:"),
    M("test_a_home_lets_nobody_bury_a_proposal", "services/receiving_own.py",
      "if answer is None:", "if False:"),
    M("test_a_home_takes_only_approvals_as_approvals", "services/receiving_own.py",
      "if person is None or person != ref.domain:", "if False:"),
    M("test_a_home_lets_nobody_take_a_name_that_is_asked_for", "services/receiving_own.py",
      "if before.key.blob != request.key.blob and", "if False and"),
    M("test_a_home_takes_no_ref_that_looks_like_the_ledger_s", "domain/ledgerrefs.py",
      "if folded != ref and (", "if False and ("),
    M("test_a_home_inflates_no_bomb", "storage/catfile.py",
      "if size > MAX_OBJECT_BYTES:", "if False:"),
)  # fmt: skip

BY_TEST: dict[str, list[Mutation]] = {}
for _one in MUTATIONS:
    BY_TEST.setdefault(_one.test, []).append(_one)
