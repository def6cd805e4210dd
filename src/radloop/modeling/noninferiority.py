"""Whether a cheaper network is as good as the one whose place it would take, on the same cases."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from radloop.intervals import TOO_FEW, Interval, auroc_interval, paired_auroc_difference

#: Of the paired two-sided interval whose lower bound decides: a one-sided test at 5 %.
LEVEL = 0.90


@dataclass(frozen=True)
class Comparison:
    """A metric of both, and the cheaper one's minus the other's, which must stay above minus `margin`."""

    metric: str
    full: float | None
    cheaper: float | None
    difference: Interval
    margin: float

    @property
    def accepted(self) -> bool:
        """Whether the whole interval lies above minus the margin; what is not known is not accepted."""
        return self.difference.known and self.difference.low is not None and self.difference.low > -self.margin

    def to_json(self) -> dict[str, Any]:
        """The figures and the verdict, as check.json keeps them."""
        return {"accepted": self.accepted, **asdict(self)}


def compare_auroc(
    labels: npt.ArrayLike, clusters: npt.ArrayLike, full: npt.ArrayLike, cheaper: npt.ArrayLike, margin: float
) -> Comparison:
    """AUROC from scores [n] of both on cases with `labels` bool [n] and their patients `clusters` [n].

    Raises ValueError as `intervals.auroc_interval` does.
    """
    difference = paired_auroc_difference(labels, cheaper, full, clusters, LEVEL)
    first, second = (auroc_interval(labels, scores, clusters).value for scores in (full, cheaper))
    return Comparison("AUROC", first, second, difference, margin)


def compare_dice(full: npt.ArrayLike, cheaper: npt.ArrayLike, clusters: npt.ArrayLike, margin: float) -> Comparison:
    """Mean Dice from those of both [n] on the same cases and their patients `clusters` [n].

    Raises ValueError for unequal lengths, or for a Dice that is no number: leave out cases without the structure.
    """
    first, second, codes = (np.asarray(values).reshape(-1) for values in (full, cheaper, clusters))
    if not first.size == second.size == codes.size:
        raise ValueError(f"{first.size} and {second.size} values for {codes.size} patients: one each is needed")
    gain = second.astype(float) - first.astype(float)
    if not np.isfinite(gain).all():
        raise ValueError("a Dice is no number; leave out the cases that have not the structure")
    means = [float(values.mean()) if values.size else None for values in (first, second)]
    return Comparison("mean Dice", means[0], means[1], _paired_mean(gain, codes), margin)


def _paired_mean(gain: npt.NDArray[np.float64], clusters: npt.NDArray[Any]) -> Interval:
    """The mean over patients of a paired difference [n], with Student's interval: a bootstrap of few is too sure."""
    names, codes = np.unique(clusters, return_inverse=True)
    count = len(names)
    basis = Interval(None, None, None, gain.size, 0, "paired Student, by patient", count, LEVEL)
    if count < 2:
        return replace(basis, note=f"{TOO_FEW} patients: {count}")
    means = np.bincount(codes, gain) / np.bincount(codes)
    reach = float(stdtrit(count - 1, (1 + LEVEL) / 2) * means.std(ddof=1) / np.sqrt(count))
    return replace(basis, value=float(means.mean()), low=float(means.mean()) - reach, high=float(means.mean()) + reach)
