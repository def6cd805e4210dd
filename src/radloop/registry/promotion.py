"""Who may become champion: the gate passed, not worse than today's champion on the same cases, and approved."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from radloop.errors import ConfigurationError, GateClosed
from radloop.files import canonical_json
from radloop.gate import Check, Gate
from radloop.intervals import Interval, paired_auroc_difference
from radloop.ledger import Ledger
from radloop.params import UseCase
from radloop.registry import names
from radloop.registry.aliases import APPROVAL, REFUSAL, Move, champions, move, note_foreign_move
from radloop.registry.versions import ModelVersion, one_version

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

NEEDED = ("record_id", "patient_id", "label", "score")


@dataclass(frozen=True)
class SameCases:
    """Predictions of two models on today's test cases.

    Each frame has `record_id`, `patient_id`, `label` (bool) and `score`, and may have `bundle`, which is then
    checked: a comparison with the wrong model's predictions shows nothing.
    """

    candidate: pd.DataFrame
    champion: pd.DataFrame


@dataclass(frozen=True)
class Request:
    """Somebody asks for a version to become champion."""

    version: ModelVersion
    who: str
    why: str
    cases: SameCases | None = None
    today: Gate | None = None  # what the workspace's evaluation says of it now, where it knows this bundle


def promote(client: MlflowClient, ledger: Ledger, case: UseCase, request: Request) -> Gate:
    """Make a version champion if all checks hold, and write it down; returns the checks.

    Raises GateClosed, naming what is missing, and leaves the champion where it was.
    """
    champion = note_foreign_move(client, ledger, case.name)
    gate = judge(ledger, case, request, champion)
    checks = [asdict(check) for check in gate.checks]
    wanted = Move(case.name, names.CHAMPION, request.version.version, "promote", request.who, request.why)
    if not gate.open:
        ledger.write(REFUSAL, {**vars(wanted), "checks": checks})
        said = "; ".join(f"{check.name}: saw {check.seen}, rule {check.rule}" for check in gate.failed)
        raise GateClosed(
            f"{request.version.name} does not become champion ({said})",
            "look at its report in MLflow; approve it, or train a better one",
        )
    move(client, ledger, wanted, {"bundle": request.version.bundle, "checks": checks})
    for tag, value in {names.PROMOTION: canonical_json(checks), names.LEDGER_MARK: ledger.head()}.items():
        client.set_model_version_tag(case.name, str(request.version.version), tag, value)
    return gate


def judge(ledger: Ledger, case: UseCase, request: Request, champion: ModelVersion | None) -> Gate:
    """The three checks, without moving anything."""
    checks = (_passed(request), _not_worse(case, request, champion), _approved(ledger, case, request.version))
    return Gate("register", case.name, checks)


def rollback(client: MlflowClient, ledger: Ledger, use_case: str, who: str, why: str) -> ModelVersion | None:
    """Bring back the champion before today's, as the ledger knows it; with none before, withdraw the alias.

    Returns the champion that is there now. No gate is asked: it was one already.
    Raises ConfigurationError where there is no champion at all.
    """
    now = note_foreign_move(client, ledger, use_case)
    if now is None:
        raise ConfigurationError(f"{use_case} has no champion to roll back from", "promote a version first")
    before = [version for version in champions(ledger, use_case) if version != now.version]
    target = before[-1] if before else None
    action = "rollback" if before else "withdraw"
    move(client, ledger, Move(use_case, names.CHAMPION, target, action, who, why), {})
    return one_version(client, use_case, names.CHAMPION)


def approve(ledger: Ledger, version: ModelVersion, who: str, why: str) -> None:
    """Write down that a person has looked at a version and wants it to be champion."""
    if not who.strip() or not why.strip():
        raise ConfigurationError("an approval needs a name and a reason", "say who and why")
    body = {"use_case": version.use_case, "version": version.version, "bundle": version.bundle, "who": who, "why": why}
    ledger.write(APPROVAL, body)


def approvers(ledger: Ledger, version: ModelVersion) -> list[str]:
    """The different people who approved exactly this bundle under this number."""
    named = {
        " ".join(str(entry.body["who"]).casefold().split()): str(entry.body["who"])
        for entry in ledger.entries(APPROVAL)
        if (entry.body["use_case"], entry.body["version"], entry.body["bundle"])
        == (version.use_case, version.version, version.bundle)
    }
    return sorted(named.values())


def _passed(request: Request) -> Check:
    """Open when it was registered, and still open where it has been judged again since."""
    name, rule, today = "evaluation_gate", "open, and open still where it was judged again", request.today
    if not request.version.gate_open:
        return Check(name, False, f"closed ({request.version.tags.get(names.GATE_FAILED, '')})", rule)
    if today is not None and not today.open:
        failed = ", ".join(check.name for check in today.failed) or "no judgement in the workspace"
        return Check(name, False, f"open when registered, closed today ({failed})", rule)
    return Check(name, True, "open", rule)


def _approved(ledger: Ledger, case: UseCase, version: ModelVersion) -> Check:
    needed = case.register_.approvals
    found = approvers(ledger, version)
    if needed == 0:
        return Check("approvals", True, f"{len(found)}, none asked for: a demonstration", "0 people")
    seen = f"{len(found)} ({', '.join(found)})" if found else "0"
    return Check("approvals", len(found) >= needed, seen, f"at least {needed} different people")


def _not_worse(case: UseCase, request: Request, champion: ModelVersion | None) -> Check:
    margin = case.register_.champion_margin
    level = case.intervals.comparison_confidence
    name, rule = "not_worse_than_champion", f"paired {level:.0%} interval of the AUROC difference above -{margin:g}"
    if champion is None or champion.version == request.version.version:
        return Check(name, True, "no other champion to compare with", rule)
    if request.cases is None:
        return Check(name, False, f"no predictions of {champion.name} on the same cases", rule)
    found = compare(request.cases, (request.version, champion), level)
    if isinstance(found, str):
        return Check(name, False, found, rule)
    holds = found.low is not None and found.low > -margin
    return Check(name, holds, f"{found} against {champion.name} on {found.n} cases", rule)


def compare(cases: SameCases, models: tuple[ModelVersion, ModelVersion], level: float) -> Interval | str:
    """AUROC of the candidate minus the champion's on the same cases, or why it cannot be told."""
    for frame, model in zip((cases.candidate, cases.champion), models, strict=True):
        missing = [column for column in NEEDED if column not in frame]
        if missing:
            return f"predictions of {model.name} without {', '.join(missing)}"
        if "bundle" in frame and set(frame["bundle"]) != {model.bundle}:
            return f"predictions that are not of {model.name}"
        if frame["record_id"].duplicated().any():
            return f"cases of {model.name} twice"
    joined = cases.candidate[list(NEEDED)].merge(cases.champion[list(NEEDED)], on="record_id", suffixes=("", "_other"))
    if not len(joined) == len(cases.candidate) == len(cases.champion):
        return f"{len(cases.candidate)} cases of one and {len(cases.champion)} of the other, {len(joined)} in common"
    if not (joined["label"] == joined["label_other"]).all():
        return "different labels of the same cases"
    return paired_auroc_difference(
        joined["label"].astype(bool), joined["score"], joined["score_other"], joined["patient_id"], level
    )
