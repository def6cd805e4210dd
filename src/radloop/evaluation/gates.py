"""The gate of evaluation: what a model must show before it may be registered, rule by rule."""

from __future__ import annotations

from radloop.evaluation.assessment import Assessment, Comparison
from radloop.evaluation.names import BASELINE_TITLES, BASELINES
from radloop.gate import Check, Gate


def judge(found: Assessment) -> Gate:
    """Every rule with what was seen, so that a closed gate explains itself.

    A figure that could not be computed closes its check: what was not shown does not count as passed.
    """
    checks = [_both_classes(found), _patients_apart(found), _auroc_floor(found), _calibration(found)]
    checks += [_beats(found, name) for name in BASELINES]
    return Gate("evaluate", found.case.name, tuple(checks))


def sentence(gate: Gate, found: Assessment) -> str:
    """The gate and the model in one sentence for people."""
    auroc = found.measures["auroc"]
    patients = found.cases["patient_id"].nunique()
    reached = f"the model reaches an AUROC of {auroc}" if auroc.value is not None else f"AUROC has {auroc.note} cases"
    return told(gate, f"on {len(found.cases)} held-out images of {patients} patients {reached}")


def told(gate: Gate, what: str) -> str:
    """What was found, whether the gate is open, and which rules do not hold."""
    if gate.open:
        return f"The gate is open: {what} and meets all {len(gate.checks)} rules."
    reasons = "; ".join(f"{check.name.replace('_', ' ')}: {check.seen}, but the rule is {check.rule}"
                        for check in gate.failed)  # fmt: skip
    return f"The gate is closed: {what}, but {len(gate.failed)} of {len(gate.checks)} rules do not hold ({reasons})."


def _both_classes(found: Assessment) -> Check:
    smallest = found.case.evaluate.smallest_group
    positives = int(found.cases["label"].sum())
    negatives = len(found.cases) - positives
    seen = f"{positives} positives, {negatives} negatives"
    return Check("both_classes", min(positives, negatives) >= smallest, seen, f"at least {smallest} of each")


def _patients_apart(found: Assessment) -> Check:
    seen = f"{found.shared_patients} test patients in training"
    return Check("patients_apart", found.shared_patients == 0, seen, "none")


def _auroc_floor(found: Assessment) -> Check:
    auroc, floor = found.measures["auroc"], found.case.evaluate.auroc_floor
    return Check("auroc_floor", auroc.value is not None and auroc.value >= floor, str(auroc), f"at least {floor:g}")


def _calibration(found: Assessment) -> Check:
    error, most = found.measures["calibration_error"], found.case.evaluate.largest_calibration_error
    holds = error.value is not None and error.value <= most
    return Check("calibration_error", holds, str(error), f"at most {most:g}")


def _beats(found: Assessment, name: str) -> Check:
    margin = found.case.evaluate.baseline_margin
    level = f"{found.case.evaluate.comparison_confidence:.0%}"
    rule = f"paired {level} interval of the difference above {margin:g}"
    if margin < 0:
        rule += ", point estimate above 0"
    comparison: Comparison | None = found.comparisons.get(name)
    if comparison is None:
        return Check(f"beats_{name}", False, f"{BASELINE_TITLES[name].lower()} could not be trained", rule)
    return Check(f"beats_{name}", comparison.beaten, str(comparison.difference), rule)
