"""Confidence intervals that know that images of one patient are not independent.

One home for evaluation, serving and monitoring, because an interval that two rooms compute differently is no
interval. A leaf: numpy and scipy.special alone, so that it imports in a blink.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
#: From replicate weights [b, n] to the b values of a statistic.
Statistic = Callable[[Floats], Floats]

TOO_FEW = "too few"

#: Largest weight matrix of one pass of the bootstrap, in numbers (32 MB): more replicates than fit come in passes.
BLOCK = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A figure with its confidence interval and what it rests on.

    `n` cases from `clusters` patients; `positives` are the diseased ones of an AUROC and the successes of a
    proportion. Where `note` begins with "too few" there is no figure at all.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    positives: int
    method: str
    clusters: int = 0
    level: float = 0.95
    note: str = ""
    p_value: float | None = None

    @property
    def known(self) -> bool:
        """True where there is a figure with both bounds."""
        return self.value is not None and self.low is not None and self.high is not None

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.note} (n {self.n}, positives {self.positives})"
        bounds = f" ({self.low:.3f} to {self.high:.3f})" if self.known else f" ({self.note})"
        return f"{self.value:.3f}{bounds}"


def auroc_interval(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    level: float = 0.95,
    smallest: int = 2,
) -> Interval:
    """AUROC with an interval on the logit scale, which keeps it within [0, 1] and covers well near 1.

    `labels` bool [n], `scores` [n], `clusters` the patient of each case [n] (none: every case its own). Fewer than
    `smallest` positives or negatives, or patients of either, give "too few" and no figure. Perfect separation
    has no variance to estimate; its bound is the exact one for as many independent pairs as there are.
    Raises ValueError for unequal lengths, scores that are not finite and labels that are not 0 or 1.
    Sources: DeLong 1988; Obuchowski 1997; Pepe 2003, section 5.2 (logit).
    """
    positive, score, codes = _checked(labels, scores, clusters)
    basis = Interval(None, None, None, positive.size, int(positive.sum()), "clustered DeLong, logit",
                     _count(codes), level)  # fmt: skip
    if (short := _shortage(positive, codes, max(smallest, 2))) is not None:
        return replace(basis, note=short)
    auroc, covariance = _delong(positive, [score], codes)
    value, error = float(auroc[0]), float(np.sqrt(covariance[0, 0]))
    if np.ptp(score) == 0:
        return replace(basis, value=value, note="all scores are equal")
    if value in (0.0, 1.0) or error == 0:
        return _separated(basis, value, _independent_pairs(positive, codes))
    reach = _normal(level) * error / (value * (1 - value))
    centre = np.log(value / (1 - value))
    return replace(basis, value=value, low=_expit(centre - reach), high=_expit(centre + reach))


def delong(labels: npt.ArrayLike, scores: npt.ArrayLike, clusters: npt.ArrayLike | None = None) -> tuple[float, float]:
    """AUROC and its standard error, clustered by patient, in O(n log n).

    Raises ValueError as `auroc_interval` does, and for a single class or a class from a single patient.
    Sources: Obuchowski 1997, "Nonparametric analysis of clustered ROC curve data"; Sun and Xu 2014 (midranks).
    """
    positive, score, codes = _checked(labels, scores, clusters)
    if (short := _shortage(positive, codes, 2)) is not None:
        raise ValueError(f"AUROC needs positives and negatives from two patients each: {short}")
    auroc, covariance = _delong(positive, [score], codes)
    return float(auroc[0]), float(np.sqrt(covariance[0, 0]))


def paired_auroc_difference(
    labels: npt.ArrayLike,
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    level: float = 0.90,
    smallest: int = 2,
) -> Interval:
    """AUROC of `a` minus AUROC of `b` on the same cases, with an interval and a two-sided p-value.

    The two are correlated, through the cases and through the patients, so their intervals must not be compared.
    Raises ValueError as `auroc_interval` does. Source: Obuchowski 1997, covariance of two clustered AUROCs.
    """
    positive, first, codes = _checked(labels, a, clusters)
    _, second, _ = _checked(labels, b, clusters)
    basis = Interval(None, None, None, positive.size, int(positive.sum()), "paired clustered DeLong",
                     _count(codes), level)  # fmt: skip
    if (short := _shortage(positive, codes, max(smallest, 2))) is not None:
        return replace(basis, note=short)
    auroc, covariance = _delong(positive, [first, second], codes)
    contrast = np.array([1.0, -1.0])
    value = float(auroc @ contrast)
    error = float(np.sqrt(max(contrast @ covariance @ contrast, 0.0)))
    low, high = max(value - _normal(level) * error, -1.0), min(value + _normal(level) * error, 1.0)
    if error < 1e-12:
        return replace(basis, value=value, low=low, high=high, p_value=1.0 if value == 0 else 0.0,
                       note="the two rank every pair alike" if value == 0 else "no variance")  # fmt: skip
    return replace(basis, value=value, low=low, high=high, p_value=2 * float(ndtr(-abs(value) / error)))


def wilson(successes: int, n: int, design_effect: float = 1.0, level: float = 0.95) -> Interval:
    """A proportion with Wilson's interval on `n / design_effect` independent cases.

    Wilson covers near 0 and 1, where the textbook interval collapses. No case gives "too few".
    Raises ValueError for counts that cannot be. Source: Wilson 1927; Kish 1965 (design effect).
    """
    if not 0 <= successes <= n or not design_effect >= 1:
        raise ValueError(f"{successes} of {n} with design effect {design_effect} is no proportion")
    basis = Interval(None, None, None, n, successes, "Wilson, clustered", n, level)
    if n == 0:
        return replace(basis, note=TOO_FEW)
    share, size, z = successes / n, n / design_effect, _normal(level)
    centre = (share + z * z / (2 * size)) / (1 + z * z / size)
    reach = z / (1 + z * z / size) * float(np.sqrt(share * (1 - share) / size + z * z / (4 * size * size)))
    low = 0.0 if successes == 0 else max(centre - reach, 0.0)
    high = 1.0 if successes == n else min(centre + reach, 1.0)
    return replace(basis, value=share, low=low, high=high)


def proportion_interval(
    outcomes: npt.ArrayLike, clusters: npt.ArrayLike | None = None, level: float = 0.95, smallest: int = 1
) -> Interval:
    """The share of true `outcomes` [n] with Wilson's interval, widened by how alike one patient's cases are.

    Fewer than `smallest` cases or patients give "too few". Raises ValueError as `auroc_interval` does.
    """
    outcome = _binary(outcomes, "outcomes")
    codes = _codes(clusters, outcome.size)
    patients = _count(codes)
    if min(outcome.size, patients) < max(smallest, 1):
        note = TOO_FEW if outcome.size < max(smallest, 1) else f"{TOO_FEW} patients ({patients})"
        return Interval(None, None, None, outcome.size, int(outcome.sum()), "Wilson, clustered", patients, level, note)
    interval = wilson(int(outcome.sum()), outcome.size, design_effect(outcome, codes), level)
    return replace(interval, clusters=patients)


def design_effect(outcomes: npt.ArrayLike, clusters: npt.ArrayLike | None = None) -> float:
    """How many times the variance of a proportion grows because cases share patients; at least 1.

    The ratio estimator's variance over the binomial one. Where all outcomes agree nothing can be estimated and
    the worst is taken: cases of one patient agree always (Kish). Raises ValueError as `auroc_interval` does.
    """
    outcome = _binary(outcomes, "outcomes")
    codes = _codes(clusters, outcome.size)
    sizes = np.bincount(codes).astype(float)
    sizes = sizes[sizes > 0]
    if outcome.size < 2 or sizes.size < 2 or outcome.all() or not outcome.any():
        return float((sizes**2).sum() / max(outcome.size, 1)) if outcome.size else 1.0
    share = outcome.mean()
    residual = np.bincount(codes, outcome - share)
    clustered = sizes.size / (sizes.size - 1) * (residual**2).sum() / outcome.size**2
    return max(1.0, float(clustered / (share * (1 - share) / (outcome.size - 1))))


def proportion_difference(
    outcomes: npt.ArrayLike,
    in_group: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    level: float = 0.95,
    smallest: int = 1,
) -> Interval:
    """Share of true `outcomes` in a group minus the share in the rest, with interval and two-sided p-value.

    `in_group` bool [n]. Newcombe's hybrid of two Wilson intervals, which holds near 0 and 1, with the correlation
    of patients who have cases on both sides (Zou and Donner 2008). `positives` counts successes of both sides.
    Raises ValueError as `auroc_interval` does.
    """
    outcome, group = _binary(outcomes, "outcomes"), _binary(in_group, "in_group")
    codes = _codes(clusters, outcome.size)
    sides = [proportion_interval(outcome[side], codes[side], level, smallest) for side in (group, ~group)]
    basis = Interval(None, None, None, outcome.size, int(outcome.sum()), "Newcombe, clustered", _count(codes), level)
    if not all(side.known for side in sides):
        return replace(basis, note=next(side.note for side in sides if not side.known))
    first, second = (np.array([side.value, side.low, side.high], dtype=float) for side in sides)
    shared = 2 * _correlation(outcome, group, codes)
    below, above = first[0] - first[1], second[2] - second[0]
    low = np.sqrt(max(below**2 + above**2 - shared * below * above, 0.0))
    below, above = first[2] - first[0], second[0] - second[1]
    high = np.sqrt(max(below**2 + above**2 - shared * below * above, 0.0))
    gap = float(first[0] - second[0])
    return replace(basis, value=gap, low=max(gap - float(low), -1.0), high=min(gap + float(high), 1.0),
                   p_value=_gap_p_value(gap, outcome, group, codes))  # fmt: skip


def cluster_bootstrap(
    statistic: Statistic,
    clusters: npt.ArrayLike,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
    reflect: bool = False,
) -> Interval:
    """A statistic with its bootstrap interval, patients drawn with replacement.

    `statistic` takes weights [b, n] and returns [b], so that what needs sorting is sorted once and re-weighted.
    `reflect` mirrors the quantiles about the estimate: right for a statistic such as a calibration error, which
    resampling inflates. Raises ValueError for fewer than 2 patients or 1,000 replicates.
    Source: Davison and Hinkley 1997, sections 3.8 and 5.2.
    """
    codes = _codes(clusters, np.asarray(clusters).size)
    count = _count(codes)
    if count < 2 or replicates < 1000:
        raise ValueError(f"a bootstrap of {count} patients with {replicates} replicates says nothing; 2 and 1,000")
    value = float(statistic(np.ones((1, codes.size)))[0])
    drawn = bootstrap_values(statistic, codes, replicates, seed)
    tail = (1 - level) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    if reflect:
        low, high = 2 * value - high, 2 * value - low
    method = "patient bootstrap, reflected" if reflect else "patient bootstrap"
    return Interval(value, float(low), float(high), codes.size, 0, method, count, level)


def mean_interval(
    values: npt.ArrayLike, clusters: npt.ArrayLike, level: float = 0.95, replicates: int = 2000, seed: int = 0
) -> Interval:
    """The mean of one value per case, or of paired differences. Raises ValueError as `cluster_bootstrap` does."""
    known = np.asarray(values, float)
    return cluster_bootstrap(lambda drawn: drawn @ known / drawn.sum(axis=1), clusters, level, replicates, seed)


def bootstrap_values(statistic: Statistic, clusters: npt.ArrayLike, replicates: int, seed: int) -> Floats:
    """The statistic of each replicate [replicates, ...], in passes that keep memory bounded."""
    codes = _codes(clusters, np.asarray(clusters).size)
    count = _count(codes)
    random = np.random.default_rng(seed)
    step = max(1, BLOCK // max(codes.size, 1))
    values = []
    for start in range(0, replicates, step):
        draws = random.multinomial(count, np.full(count, 1 / count), size=min(step, replicates - start))
        values.append(statistic(draws[:, codes].astype(float)))
    return np.concatenate(values)


def _delong(positive: npt.NDArray[np.bool_], scores: list[Floats], codes: Codes) -> tuple[Floats, Floats]:
    """AUROCs [k] of k score vectors and their covariance [k, k]."""
    m, n = int(positive.sum()), int((~positive).sum())
    count = int(codes.max()) + 1
    auroc, above, below = [], [], []
    for score in scores:
        over, under = structural_components(positive, score)
        auroc.append(over.mean())
        above.append(np.bincount(codes[positive], over - over.mean(), count) / m)
        below.append(np.bincount(codes[~positive], under - over.mean(), count) / n)
    x, y = np.array(above), np.array(below)
    diseased, healthy, every = _count(codes[positive]), _count(codes[~positive]), _count(codes)
    cross = x @ y.T
    covariance = (
        _correction(diseased) * (x @ x.T) + _correction(healthy) * (y @ y.T) + _correction(every) * (cross + cross.T)
    )
    return np.array(auroc), covariance


def structural_components(positive: npt.NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats]:
    """For each positive the share of negatives it outranks, for each negative the share of positives above it.

    Ties count half. Returns arrays [positives] and [negatives]; the mean of either is the AUROC.
    """
    ranks = midranks(score)
    m, n = int(positive.sum()), int((~positive).sum())
    over = (ranks[positive] - midranks(score[positive])) / n
    under = 1 - (ranks[~positive] - midranks(score[~positive])) / m
    return over, under


def midranks(values: Floats) -> Floats:
    """Ranks from 1, ties sharing their mean; scipy.stats has the same and takes a second to import."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(middle[inverse.reshape(-1)], dtype=float)


def _separated(basis: Interval, value: float, pairs: int) -> Interval:
    tail = float(((1 - basis.level) / 2) ** (1 / pairs))
    if value == 1:
        return replace(basis, value=1.0, low=tail, high=1.0, method="exact, independent pairs")
    if value == 0:
        return replace(basis, value=0.0, low=0.0, high=1 - tail, method="exact, independent pairs")
    return replace(basis, value=value, note="no variance")


def _independent_pairs(positive: npt.NDArray[np.bool_], codes: Codes) -> int:
    """Pairs of a positive and a negative that share no patient: what perfect separation was tried on."""
    return max(1, min(_count(codes[positive]), _count(codes[~positive]), _count(codes) // 2))


def _shortage(positive: npt.NDArray[np.bool_], codes: Codes, smallest: int) -> str | None:
    if min(positive.sum(), (~positive).sum()) < smallest:
        return TOO_FEW
    patients = min(_count(codes[positive]), _count(codes[~positive]))
    return f"{TOO_FEW} patients ({patients})" if patients < smallest else None


def _correlation(outcome: npt.NDArray[np.bool_], group: npt.NDArray[np.bool_], codes: Codes) -> float:
    count = int(codes.max()) + 1
    x, y = (
        np.bincount(codes[side], outcome[side] - outcome[side].mean(), count) / side.sum() for side in (group, ~group)
    )
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / spread if spread > 0 else 0.0


def _gap_p_value(gap: float, outcome: npt.NDArray[np.bool_], group: npt.NDArray[np.bool_], codes: Codes) -> float:
    """Score test: the variance under equality, from the pooled share, clustered."""
    pooled = outcome.mean()
    count = int(codes.max()) + 1
    weight = np.where(group, 1 / group.sum(), -1 / (~group).sum())
    residual = np.bincount(codes, weight * (outcome - pooled), count)
    independent = pooled * (1 - pooled) * (1 / group.sum() + 1 / (~group).sum())
    error = np.sqrt(max(float((residual**2).sum()) * _correction(_count(codes)), independent))
    return 2 * float(ndtr(-abs(gap) / error)) if error > 0 else 1.0


def _checked(
    labels: npt.ArrayLike, scores: npt.ArrayLike, clusters: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.bool_], Floats, Codes]:
    positive = _binary(labels, "labels")
    score = np.asarray(scores, dtype=float).reshape(-1)
    if score.size != positive.size:
        raise ValueError(f"{score.size} scores for {positive.size} labels: one each is needed")
    if bad := int((~np.isfinite(score)).sum()):
        raise ValueError(f"{bad} of {score.size} scores are not finite; look at the model, not at the metric")
    return positive, score, _codes(clusters, positive.size)


def _binary(values: npt.ArrayLike, name: str) -> npt.NDArray[np.bool_]:
    array: npt.NDArray[Any] = np.asarray(values).reshape(-1)
    if array.dtype == np.bool_:
        return array
    try:
        numbers = array.astype(float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be true or false, each known") from error
    if not np.isin(numbers, (0.0, 1.0)).all():
        raise ValueError(f"{name} must be true or false, each known; leave out the rows without")
    return numbers.astype(bool)


def _codes(clusters: npt.ArrayLike | None, size: int) -> Codes:
    if clusters is None:
        return np.arange(size)
    array: npt.NDArray[Any] = np.asarray(clusters).reshape(-1)
    if array.size != size:
        raise ValueError(f"{array.size} patients for {size} cases: one each is needed")
    return np.unique(array, return_inverse=True)[1].reshape(-1)


def _count(codes: Codes) -> int:
    return int(np.count_nonzero(np.bincount(codes))) if codes.size else 0


def _correction(count: int) -> float:
    return count / (count - 1)


def _normal(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"confidence level {level} is not between 0 and 1")
    return float(ndtri((1 + level) / 2))


def _expit(x: float) -> float:
    return float(1 / (1 + np.exp(-x)))
