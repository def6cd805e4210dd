"""A champion is made by passing its gate, by not being worse on the same cases, and by people; never silently."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

import radloop
from radloop.errors import ConfigurationError, GateClosed, ServiceUnavailable
from radloop.gate import Check, Gate, write_gate
from radloop.intervals import Interval
from radloop.params import UseCase
from radloop.registry import ModelVersion, Registry, SameCases, names
from radloop.registry.aliases import champions
from radloop.registry.promotion import compare
from radloop.settings import Settings

from .conftest import LINKS, Workspace

CASE = "chest_pneumonia"


def _register(registry: Registry, workspace: Workspace, count: int, gate_open: bool = True) -> None:
    for seed in range(count):
        workspace.train(seed, gate_open)
        run = registry.log_training(workspace.case, workspace.folder, LINKS)
        registry.register(workspace.case, workspace.folder, run.run_id)


def _asking(case: UseCase, approvals: int) -> UseCase:
    return case.model_copy(update={"register_": case.register_.model_copy(update={"approvals": approvals})})


def _cases(better: float, n: int = 400) -> SameCases:
    """Predictions of two models; the candidate separates better (or worse) by `better` standard deviations."""
    draw = np.random.default_rng(0)
    label = draw.random(n) < 0.4
    noise = draw.normal(size=n)
    frame = pd.DataFrame({"record_id": [f"r{i}" for i in range(n)], "patient_id": [f"p{i // 2}" for i in range(n)]})
    frame["label"] = label
    champion = frame.assign(score=label * 1.5 + noise)
    candidate = frame.assign(score=label * (1.5 + better) + noise)
    return SameCases(candidate.sample(frac=1, random_state=1), champion)


def _champion(registry: Registry) -> int | None:
    version = registry.champion(CASE)
    return version.version if version else None


@pytest.fixture(scope="session")
def home_with_two(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """An installation with two versions, the first of them champion; copied by each test."""
    home = tmp_path_factory.mktemp("two") / "home"
    (home / "mlflow").mkdir(parents=True)
    shutil.copy(empty_store, home / "mlflow" / "mlflow.db")
    registry, workspace = Registry(Settings(home=home)), Workspace.make(home / "workspace")
    _register(registry, workspace, 2)
    registry.promote(workspace.case, 1, "Ada", "the first one")
    return home


@pytest.fixture
def two(home_with_two: Path, tmp_path: Path) -> Registry:
    shutil.copytree(home_with_two, tmp_path / "two")
    return Registry(Settings(home=tmp_path / "two"))


def test_the_first_version_with_an_open_gate_becomes_champion(registry: Registry, workspace: Workspace) -> None:
    _register(registry, workspace, 1)
    gate = registry.promote(workspace.case, 1, "Ada", "the first one")
    assert gate.open and _champion(registry) == 1
    (move,) = [e for e in registry.ledger.entries("alias") if e.phase == "intent" and e.body["alias"] == "champion"]
    assert (move.body["who"], move.body["why"], move.body["version"], move.body["from"]) == (
        "Ada",
        "the first one",
        1,
        None,
    )
    assert move.body["bundle"] == registry.champion(CASE).bundle and move.time
    assert registry.ledger.pending() == [] and registry.ledger.verify().intact


def test_a_demo_that_asks_for_no_approval_says_so(registry: Registry, workspace: Workspace) -> None:
    _register(registry, workspace, 1)
    gate = registry.promote(_asking(workspace.case, 0), 1, "Ada", "the first one")
    assert gate.checks[-1].seen == "0, none asked for: a demonstration"
    assert "none asked for: a demonstration" in registry.champion(CASE).tags[names.PROMOTION]


def test_a_closed_gate_keeps_a_version_from_becoming_champion(registry: Registry, workspace: Workspace) -> None:
    _register(registry, workspace, 1, gate_open=False)
    with pytest.raises(GateClosed, match=r"evaluation_gate: saw closed \(auroc_floor\)"):
        registry.promote(workspace.case, 1, "Ada", "please")
    assert _champion(registry) is None
    (refusal,) = registry.ledger.entries("refusal")
    assert (refusal.body["who"], refusal.body["version"]) == ("Ada", 1)


def _judge_again(workspace: Workspace, gate_open: bool) -> None:
    check = Check("auroc_floor", gate_open, "0.91", "at least 0.95")
    write_gate(workspace.out / "evaluate" / "gate.json", Gate("evaluate", CASE, (check,)))


def test_a_version_that_was_judged_again_and_failed_does_not_become_champion(
    registry: Registry, workspace: Workspace
) -> None:
    _register(registry, workspace, 1)
    _judge_again(workspace, gate_open=False)
    with pytest.raises(GateClosed, match=r"open when registered, closed today \(auroc_floor\)"):
        registry.promote(workspace.case, 1, "Ada", "please")
    assert _champion(registry) is None
    _judge_again(workspace, gate_open=True)
    registry.promote(workspace.case, 1, "Ada", "the rule was a typing error")
    assert _champion(registry) == 1


def test_a_version_whose_evaluation_was_begun_again_and_not_ended_does_not_become_champion(
    registry: Registry, workspace: Workspace
) -> None:
    _register(registry, workspace, 1)
    shutil.rmtree(workspace.out / "evaluate")
    with pytest.raises(GateClosed, match="no judgement in the workspace"):
        registry.promote(workspace.case, 1, "Ada", "please")


def test_the_judgement_of_another_bundle_is_no_reason_against_a_version(
    registry: Registry, workspace: Workspace
) -> None:
    _register(registry, workspace, 1)
    workspace.train(seed=1, gate_open=False)
    registry.promote(workspace.case, 1, "Ada", "the first one")
    assert _champion(registry) == 1


@pytest.mark.parametrize("better", [0.0, 0.5])
def test_a_version_not_worse_on_the_same_cases_becomes_champion(
    two: Registry, workspace: Workspace, better: float
) -> None:
    gate = two.promote(workspace.case, 2, "Ada", "newer", _cases(better))
    assert _champion(two) == 2 and "on 400 cases" in gate.checks[1].seen


def test_a_version_worse_on_the_same_cases_does_not_become_champion(two: Registry, workspace: Workspace) -> None:
    with pytest.raises(GateClosed, match="not_worse_than_champion"):
        two.promote(workspace.case, 2, "Ada", "newer", _cases(-0.8))
    assert _champion(two) == 1


def test_a_version_that_cannot_be_shown_to_be_no_worse_does_not_become_champion(
    two: Registry, workspace: Workspace
) -> None:
    """Dealt anew within each class the scores have the same AUROC, but on 30 cases that shows nothing."""
    champion = _cases(0.0, 30).champion
    dealt = champion.groupby("label")["score"].transform(lambda scores: scores.sample(frac=1, random_state=1).values)
    cases = SameCases(champion.assign(score=dealt), champion)
    found = compare(cases, (_version(2), _version(1)), 0.90)
    assert isinstance(found, Interval) and abs(found.value) < 1e-9 and found.low < -0.02
    with pytest.raises(GateClosed, match="not_worse_than_champion"):
        two.promote(workspace.case, 2, "Ada", "newer", cases)


def test_without_predictions_on_the_same_cases_there_is_no_new_champion(two: Registry, workspace: Workspace) -> None:
    with pytest.raises(GateClosed, match="no predictions of chest_pneumonia/1 on the same cases"):
        two.promote(workspace.case, 2, "Ada", "newer")


def _fewer(cases: SameCases) -> SameCases:
    return SameCases(cases.candidate, cases.champion.iloc[:-5])


def _others(cases: SameCases) -> SameCases:
    return SameCases(cases.candidate.assign(record_id="x" + cases.candidate["record_id"]), cases.champion)


def _relabelled(cases: SameCases) -> SameCases:
    return SameCases(cases.candidate, cases.champion.assign(label=~cases.champion["label"]))


def _foreign(cases: SameCases) -> SameCases:
    return SameCases(cases.candidate.assign(bundle="somebody else's"), cases.champion)


def _doubled(cases: SameCases) -> SameCases:
    return SameCases(pd.concat([cases.candidate, cases.candidate]), cases.champion)


def _bare(cases: SameCases) -> SameCases:
    return SameCases(cases.candidate.drop(columns="patient_id"), cases.champion)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_fewer, "400 cases of one and 395 of the other, 395 in common"),
        (_others, "0 in common"),
        (_relabelled, "different labels of the same cases"),
        (_foreign, "predictions that are not of chest_pneumonia/2"),
        (_doubled, "cases of chest_pneumonia/2 twice"),
        (_bare, "predictions of chest_pneumonia/2 without patient_id"),
    ],
)
def test_a_comparison_on_other_cases_is_none(change: Callable[[SameCases], SameCases], said: str) -> None:
    found = compare(change(_cases(0.5)), (_version(2), _version(1)), 0.90)
    assert isinstance(found, str) and said in found


def _version(number: int) -> ModelVersion:
    return ModelVersion(CASE, number, f"bundle {number}", "run", True, "md5", "t" * 64, (), {})


@pytest.mark.parametrize("needed", [1, 2])
def test_as_many_different_people_must_approve_as_the_knob_asks(
    registry: Registry, workspace: Workspace, needed: int
) -> None:
    case = _asking(workspace.case, needed)
    _register(registry, workspace, 2)
    registry.approve(CASE, 2, "Ada", "looked at another version")
    for person in ("Ada", "Grace")[:needed]:
        with pytest.raises(GateClosed, match=f"at least {needed} different people"):
            registry.promote(case, 1, "Ada", "ready")
        registry.approve(CASE, 1, person, "read the report")
        registry.approve(CASE, 1, f" {person.lower()} ", "and again")
    assert registry.promote(case, 1, "Ada", "ready").checks[-1].seen.startswith(f"{needed} (")
    assert _champion(registry) == 1


def test_a_training_has_ended_once_its_candidate_is_registered_whatever_its_gate_said(
    registry: Registry, workspace: Workspace
) -> None:
    assert registry.last_candidate(CASE) is None
    before = datetime.now(UTC)
    _register(registry, workspace, 1)
    first = registry.last_candidate(CASE)
    assert first is not None and before < first < datetime.now(UTC)
    registry.promote(workspace.case, 1, "Ada", "ready")
    assert registry.last_candidate(CASE) == first and registry.last_candidate("another") is None
    workspace.train(seed=7, gate_open=False)
    run = registry.log_training(workspace.case, workspace.folder, LINKS)
    assert registry.last_candidate(CASE) == first
    registry.register(workspace.case, workspace.folder, run.run_id)
    assert registry.last_candidate(CASE) > first


@pytest.mark.parametrize(("who", "why"), [("", "because"), ("Ada", "  ")])
def test_nothing_moves_without_a_name_and_a_reason(
    registry: Registry, workspace: Workspace, who: str, why: str
) -> None:
    _register(registry, workspace, 1)
    with pytest.raises(ConfigurationError, match="a name and a reason"):
        registry.promote(workspace.case, 1, who, why)
    with pytest.raises(ConfigurationError, match="a name and a reason"):
        registry.approve(CASE, 1, who, why)


def test_promoting_the_champion_again_moves_nothing(two: Registry, workspace: Workspace) -> None:
    moves = len(two.ledger.entries("alias"))
    two.promote(workspace.case, 1, "Ada", "again")
    assert len(two.ledger.entries("alias")) == moves


def test_rollbacks_go_back_one_by_one_and_in_the_end_withdraw(two: Registry, workspace: Workspace) -> None:
    two.promote(workspace.case, 2, "Ada", "newer", _cases(0.5))
    assert two.rollback(CASE, "deploy flow", "smoke set failed").version == 1
    two.promote(workspace.case, 2, "Ada", "mended", _cases(0.5))
    assert champions(two.ledger, CASE) == [1, 2]
    assert two.rollback(CASE, "deploy flow", "failed again").version == 1
    assert two.rollback(CASE, "Ada", "this one too") is None
    assert _champion(two) is None and champions(two.ledger, CASE) == []
    with pytest.raises(ConfigurationError, match="no champion to roll back from"):
        two.rollback(CASE, "Ada", "once more")
    actions = [e.body["action"] for e in two.ledger.entries("alias") if e.phase == "intent"]
    assert actions[-5:] == ["promote", "rollback", "promote", "rollback", "withdraw"]


def test_a_champion_moved_by_hand_in_mlflow_is_written_down_once(two: Registry, workspace: Workspace) -> None:
    two._client.set_registered_model_alias(CASE, "champion", "2")
    for _ in range(2):
        with pytest.raises(GateClosed, match="no predictions of chest_pneumonia/2"):
            two.promote(workspace.case, 1, "Ada", "back")
    (found,) = two.ledger.entries("alias_found")
    assert (found.body["version"], found.body["ledger_says"]) == (2, 1)
    assert two.rollback(CASE, "Ada", "nobody approved that").version == 1


def test_every_promoted_version_witnesses_the_state_of_the_ledger(two: Registry) -> None:
    mark = two.champion(CASE).tags[names.LEDGER_MARK]
    assert two.ledger.verify((mark,)).intact
    assert not two.ledger.verify((mark[:-1] + "x",)).intact


def test_a_move_whose_answer_was_lost_is_settled_by_asking_mlflow(
    two: Registry, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = MlflowClient.set_registered_model_alias

    def lost(self: MlflowClient, *given: str) -> None:
        moved(self, *given)
        raise ConnectionError("broken pipe")

    with monkeypatch.context() as outage:
        outage.setattr(MlflowClient, "set_registered_model_alias", lost)
        with pytest.raises(ServiceUnavailable):
            two.promote(workspace.case, 2, "Ada", "newer", _cases(0.5))
    assert len(two.ledger.pending("alias")) == 1
    (closing,) = Registry(two.settings).reconcile()
    assert closing.phase == "done" and champions(two.ledger, CASE) == [1, 2]
    assert two.reconcile() == []


KILLED = """
import os, signal, sys
from pathlib import Path
from mlflow import MlflowClient
from radloop.params import Params
from radloop.registry import Registry
from radloop.settings import Settings

home, moment = Path(sys.argv[1]), sys.argv[2]
move = MlflowClient.set_registered_model_alias

def die(self, *given):
    if moment == "after":
        move(self, *given)
    os.kill(os.getpid(), signal.SIGKILL)

MlflowClient.set_registered_model_alias = die
case = Params.load(home / "workspace").use_case("chest_pneumonia")
Registry(Settings(home=home)).promote(case, 1, "Ada", "the first one")
"""


@pytest.mark.parametrize(("moment", "phase", "champion"), [("before", "abandoned", None), ("after", "done", 1)])
def test_a_kill_in_the_middle_of_a_move_is_settled_on_the_next_start(
    registry: Registry, workspace: Workspace, moment: str, phase: str, champion: int | None
) -> None:
    _register(registry, workspace, 1)
    source = {**os.environ, "PYTHONPATH": str(Path(radloop.__file__).parents[1])}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(registry.settings.root), moment], env=source)
    assert killed.returncode == -signal.SIGKILL
    (closing,) = Registry(registry.settings).reconcile()
    assert closing.phase == phase and _champion(registry) == champion
    assert champions(registry.ledger, CASE) == ([champion] if champion else [])
    registry.promote(workspace.case, 1, "Ada", "now for real")
    assert _champion(registry) == 1 and registry.ledger.verify().intact
