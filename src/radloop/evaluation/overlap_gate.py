"""The gate of a segmenter: what it must show before it may be registered, rule by rule."""

from __future__ import annotations

from radloop.evaluation.overlap import ALL, Overlap
from radloop.gate import Check, Gate
from radloop.intervals import Interval
from radloop.params import Segmentation


def judge_overlap(case: Segmentation, found: Overlap, baseline: Interval, shared_patients: int) -> Gate:
    """Every rule with what was seen. `baseline`: Dice of the model less that of the plain baseline, paired.

    A figure that could not be computed closes its check: what was not shown does not count as passed.
    """
    rules = case.overlap
    dice, margin = found.dice, rules.baseline_margin
    worst = min(
        ((measures["dice"], name) for name, measures in found.measures.items() if name != ALL),
        key=lambda pair: -1.0 if pair[0].value is None else pair[0].value,
    )
    beaten = baseline.low is not None and baseline.low > margin
    return Gate("overlap", case.name, (
        Check("enough_cases", dice.value is not None, f"{dice.n} cases", f"at least {rules.smallest_group}"),
        Check("patients_apart", shared_patients == 0, f"{shared_patients} test patients in training", "none"),
        Check("dice_floor", _above(dice, rules.dice_floor), str(dice), f"at least {rules.dice_floor:g}"),
        Check(
            "worst_structure", _above(worst[0], rules.dice_floor), f"{worst[1]}: {worst[0]}",
            f"at least {rules.dice_floor:g}",
        ),
        Check(
            "beats_atlas", beaten, str(baseline),
            f"paired {rules.comparison_confidence:.0%} interval of the difference above {margin:g}",
        ),
    ))  # fmt: skip


def _above(seen: Interval, floor: float) -> bool:
    return seen.value is not None and seen.value >= floor
