"""Intervals against direct formulas, scikit-learn, and their own promise: that they cover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr
from sklearn.metrics import roc_auc_score

from radloop import intervals
from radloop.intervals import Interval


def readings(seed: int, patients: int = 60, images: int = 2, patient_spread: float = 1.0, shift: float = 1.5):
    """Cases whose label and a part of whose score belong to the patient: (labels, scores, clusters, true AUROC)."""
    random = np.random.default_rng(seed)
    diseased = np.arange(patients) % 2 == 0
    effect = random.normal(0, patient_spread, patients)
    clusters = np.repeat(np.arange(patients), images)
    scores = diseased[clusters] * shift + effect[clusters] + random.normal(0, 1, clusters.size)
    truth = float(ndtr(shift / np.sqrt(2 * (patient_spread**2 + 1))))
    return diseased[clusters], scores, clusters, truth


def direct_delong_variance(labels: np.ndarray, scores: np.ndarray) -> float:
    """DeLong's variance from all pairs, as in the paper."""
    x, y = scores[labels], scores[~labels]
    kernel = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    return kernel.mean(1).var(ddof=1) / x.size + kernel.mean(0).var(ddof=1) / y.size


def direct_obuchowski_variance(labels: np.ndarray, scores: np.ndarray, clusters: np.ndarray) -> float:
    """Obuchowski's clustered variance, cluster by cluster, as in the paper."""
    x, y = scores[labels], scores[~labels]
    kernel = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    area, m, n = kernel.mean(), x.size, y.size
    ids = np.unique(clusters)
    above = np.array([(kernel.mean(1)[clusters[labels] == i] - area).sum() for i in ids])
    below = np.array([(kernel.mean(0)[clusters[~labels] == i] - area).sum() for i in ids])
    i10, i01, i = len(set(clusters[labels])), len(set(clusters[~labels])), ids.size
    s10 = i10 / ((i10 - 1) * m) * (above**2).sum()
    s01 = i01 / ((i01 - 1) * n) * (below**2).sum()
    s11 = i / (i - 1) * (above * below).sum()
    return s10 / m + s01 / n + 2 * s11 / (m * n)


@pytest.mark.parametrize("ties", [1, 10, 1000])
def test_auroc_equals_scikit_learns_with_and_without_ties(ties: int) -> None:
    random = np.random.default_rng(ties)
    labels = random.random(400) < 0.3
    scores = np.round(random.normal(labels, 1) * ties) / ties
    assert intervals.delong(labels, scores)[0] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_the_unclustered_variance_equals_delongs_over_all_pairs() -> None:
    random = np.random.default_rng(0)
    labels = random.random(300) < 0.4
    scores = np.round(random.normal(labels, 1), 1)
    assert intervals.delong(labels, scores)[1] ** 2 == pytest.approx(direct_delong_variance(labels, scores), rel=1e-9)


def test_the_clustered_variance_equals_obuchowskis_where_patients_have_both_labels() -> None:
    random = np.random.default_rng(1)
    clusters = random.integers(0, 70, 250)
    labels = random.random(250) < 0.4
    scores = random.normal(0, 1, 70)[clusters] + labels + random.normal(0, 1, 250)
    found = intervals.delong(labels, scores, clusters)[1] ** 2
    assert found == pytest.approx(direct_obuchowski_variance(labels, scores, clusters), rel=1e-9)


def test_naming_patients_by_text_or_number_is_the_same() -> None:
    labels, scores, clusters, _ = readings(0)
    named = np.array([f"p{code}" for code in clusters], dtype=object)
    expected = intervals.delong(labels, scores, clusters)
    assert intervals.delong(labels, scores, named) == pytest.approx(expected, rel=1e-12)


def coverage(interval_of, seeds: range) -> float:
    return float(np.mean([interval_of(seed) for seed in seeds]))


def auroc_covers(seed: int, clustered: bool) -> bool:
    labels, scores, clusters, truth = readings(seed)
    found = intervals.auroc_interval(labels, scores, clusters if clustered else None)
    return found.low <= truth <= found.high


def test_clustered_delong_covers_95_percent_where_plain_delong_does_not() -> None:
    seeds = range(1500)
    error = np.sqrt(0.95 * 0.05 / len(seeds))
    clustered = coverage(lambda seed: auroc_covers(seed, True), seeds)
    plain = coverage(lambda seed: auroc_covers(seed, False), seeds)
    assert abs(clustered - 0.95) < 3 * error + 0.005
    assert plain < 0.91


@pytest.mark.slow
@pytest.mark.parametrize("patients,images,shift", [(40, 2, 1.5), (60, 3, 2.5), (200, 2, 3.5)])
def test_clustered_delong_covers_from_moderate_to_high_auroc(patients: int, images: int, shift: float) -> None:
    def covers(seed: int) -> bool:
        labels, scores, clusters, truth = readings(seed, patients, images, shift=shift)
        found = intervals.auroc_interval(labels, scores, clusters)
        return found.low <= truth <= found.high

    assert 0.93 < coverage(covers, range(4000)) < 0.965


def difference_covers(seed: int) -> bool:
    labels, scores, clusters, _ = readings(seed, shift=2.0)
    random = np.random.default_rng(seed + 10_000)
    noisier = scores + random.normal(0, 1, scores.size)
    truth = ndtr(2.0 / np.sqrt(4)) - ndtr(2.0 / np.sqrt(6))
    found = intervals.paired_auroc_difference(labels, scores, noisier, clusters, level=0.90)
    return found.low <= truth <= found.high


def test_the_paired_difference_covers_90_percent() -> None:
    seeds = range(1000)
    assert abs(coverage(difference_covers, seeds) - 0.90) < 3 * np.sqrt(0.09 / len(seeds)) + 0.005


def test_the_p_value_of_equal_readers_is_uniform_enough() -> None:
    def p_value(seed: int) -> float:
        labels, scores, clusters, _ = readings(seed)
        random = np.random.default_rng(seed + 5000)
        a, b = (scores + random.normal(0, 1, scores.size) for _ in range(2))
        return intervals.paired_auroc_difference(labels, a, b, clusters).p_value

    found = np.array([p_value(seed) for seed in range(600)])
    assert abs((found < 0.1).mean() - 0.1) < 0.04
    assert abs((found < 0.5).mean() - 0.5) < 0.07


def proportion_covers(seed: int, clustered: bool, share: float = 0.85) -> bool:
    random = np.random.default_rng(seed)
    own = random.beta(share * 2, (1 - share) * 2, 50)
    clusters = np.repeat(np.arange(50), 3)
    outcomes = random.random(150) < own[clusters]
    found = intervals.proportion_interval(outcomes, clusters if clustered else None)
    return found.low <= share <= found.high


def test_the_clustered_proportion_covers_where_plain_wilson_does_not() -> None:
    seeds = range(1500)
    assert coverage(lambda seed: proportion_covers(seed, True), seeds) > 0.93
    assert coverage(lambda seed: proportion_covers(seed, False), seeds) < 0.90


def test_wilson_equals_the_published_figures() -> None:
    found = intervals.wilson(81, 263)  # Newcombe 1998, table I
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert intervals.wilson(0, 20).low == 0.0
    assert intervals.wilson(0, 20).high == pytest.approx(0.1611, abs=5e-5)


def test_newcombes_difference_equals_the_published_figures() -> None:
    outcomes = np.repeat([True, False, True, False], [56, 14, 48, 32])
    group = np.repeat([True, False], [70, 80])
    found = intervals.proportion_difference(outcomes, group)  # Newcombe 1998 (comparison of methods), method 10
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_without_shared_patients_the_design_effect_is_one() -> None:
    outcomes = np.array([True] * 7 + [False] * 13)
    assert intervals.design_effect(outcomes) == pytest.approx(1.0)


def test_copies_of_every_case_leave_the_interval_as_it_was() -> None:
    outcomes = np.array([True] * 70 + [False] * 30)
    once = intervals.proportion_interval(outcomes)
    thrice = intervals.proportion_interval(np.repeat(outcomes, 3), np.repeat(np.arange(100), 3))
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high), abs=0.002)


def test_unanimous_outcomes_are_judged_as_if_a_patient_always_agreed() -> None:
    clusters = np.repeat(np.arange(20), 2)
    found = intervals.proportion_interval(np.ones(40, dtype=bool), clusters)
    assert found.low == pytest.approx(intervals.wilson(20, 20).low)


def test_perfect_separation_still_has_a_lower_bound() -> None:
    labels = np.repeat([True, False], 20)
    found = intervals.auroc_interval(labels, labels.astype(float))
    assert found.value == 1.0 and found.high == 1.0
    assert found.low == pytest.approx(0.025 ** (1 / 20))
    reversed_ = intervals.auroc_interval(labels, -labels.astype(float))
    assert (reversed_.value, reversed_.low, reversed_.high) == pytest.approx((0.0, 0.0, 1 - found.low))


def test_equal_scores_give_one_half_without_bounds() -> None:
    found = intervals.auroc_interval(np.repeat([True, False], 20), np.ones(40))
    assert found.value == 0.5 and not found.known
    assert found.note == "all scores are equal"


def test_few_positives_give_counts_and_no_figure() -> None:
    labels = np.repeat([True, False], [9, 50])
    found = intervals.auroc_interval(labels, np.arange(59.0), smallest=10)
    assert (found.value, found.low, found.high, found.n, found.positives) == (None, None, None, 59, 9)
    assert found.note == "too few"
    assert str(found) == "too few (n 59, positives 9)"


def test_many_images_of_few_patients_are_too_few() -> None:
    clusters = np.concatenate([np.repeat([0, 1, 2], 10), np.arange(10, 60)])
    labels = np.repeat([True, False], [30, 50])
    assert intervals.auroc_interval(labels, np.arange(80.0), clusters, smallest=10).note == "too few patients (3)"


@pytest.mark.parametrize(
    "labels,scores,clusters,message",
    [
        ([1, 0, 1], [0.1, np.nan, 0.3], None, "1 of 3 scores are not finite"),
        ([1, 0, 1], [0.1, np.inf, -np.inf], None, "2 of 3 scores are not finite"),
        ([1, 0, 1], [0.1, 0.2], None, "2 scores for 3 labels"),
        ([1, 0, 1], [0.1, 0.2, 0.3], ["a", "b"], "2 patients for 3 cases"),
        ([1, 0, 2], [0.1, 0.2, 0.3], None, "labels must be true or false"),
        ([True, None, False], [0.1, 0.2, 0.3], None, "labels must be true or false"),
        ([1, 1, 1], [0.1, 0.2, 0.3], None, "positives and negatives"),
    ],
)
def test_bad_input_is_refused_with_its_reason(labels, scores, clusters, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        intervals.delong(labels, scores, clusters)


def test_two_identical_readers_do_not_differ() -> None:
    labels, scores, clusters, _ = readings(3)
    found = intervals.paired_auroc_difference(labels, scores, 2 * scores + 1, clusters)
    assert (found.value, found.low, found.high, found.p_value) == pytest.approx((0.0, 0.0, 0.0, 1.0), abs=1e-12)


def test_pairing_narrows_the_interval_of_two_like_readers() -> None:
    labels, scores, clusters, _ = readings(4)
    other = scores + np.random.default_rng(0).normal(0, 0.2, scores.size)
    paired = intervals.paired_auroc_difference(labels, scores, other, clusters)
    alone = intervals.auroc_interval(labels, scores, clusters, level=0.90)
    assert paired.high - paired.low < 0.4 * (alone.high - alone.low)


def weighted_mean(values: np.ndarray) -> intervals.Statistic:
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_the_bootstrap_of_a_mean_agrees_with_its_clustered_standard_error() -> None:
    _, scores, clusters, _ = readings(5, patients=200)
    found = intervals.cluster_bootstrap(weighted_mean(scores), clusters, replicates=4000)
    means = scores.reshape(200, 2).mean(axis=1)
    half = 1.96 * means.std(ddof=1) / np.sqrt(200)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.08)


def test_the_bootstrap_is_the_same_in_one_pass_or_many(monkeypatch: pytest.MonkeyPatch) -> None:
    _, scores, clusters, _ = readings(6)
    once = intervals.cluster_bootstrap(weighted_mean(scores), clusters, seed=7)
    monkeypatch.setattr(intervals, "BLOCK", 1000)
    assert intervals.cluster_bootstrap(weighted_mean(scores), clusters, seed=7) == once
    assert intervals.cluster_bootstrap(weighted_mean(scores), clusters, seed=8) != once


def test_too_small_a_bootstrap_is_refused() -> None:
    with pytest.raises(ValueError, match="says nothing"):
        intervals.cluster_bootstrap(weighted_mean(np.ones(4)), [0, 1, 2, 3], replicates=100)


def test_a_gap_between_groups_is_found_and_the_absence_of_one_is_not() -> None:
    random = np.random.default_rng(0)
    group = np.arange(600) % 3 == 0
    equal = intervals.proportion_difference(random.random(600) < 0.8, group)
    apart = intervals.proportion_difference(random.random(600) < np.where(group, 0.5, 0.85), group)
    assert equal.low < 0 < equal.high and equal.p_value > 0.05
    assert apart.high < -0.2 and apart.p_value < 1e-6


def test_a_hundred_thousand_cases_take_well_under_a_second() -> None:
    import time

    random = np.random.default_rng(0)
    labels = random.random(100_000) < 0.2
    scores, clusters = random.normal(labels, 1), random.integers(0, 40_000, 100_000)
    began = time.process_time()
    found = intervals.auroc_interval(labels, scores, clusters)
    assert time.process_time() - began < 1.0
    assert isinstance(found, Interval) and found.known
