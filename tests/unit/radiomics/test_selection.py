"""What stays of a table of features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radloop.errors import ConfigurationError
from radloop.radiomics.selection import NotRedundant, Strongest, Usable, univariate_auroc
from radloop.radiomics.stability_selection import StabilitySelection


def planted(rows: int = 160, noise: int = 200, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Three features that tell the class, among noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % 2 == 0
    values = random.normal(size=(rows, noise + 3))
    values[:, :3] += 1.0 * labels[:, None]
    names = [f"true_{at}" for at in range(3)] + [f"noise_{at}" for at in range(noise)]
    return pd.DataFrame(values, columns=names), labels


def test_columns_that_say_nothing_go_and_gaps_are_filled_from_training_rows() -> None:
    frame = pd.DataFrame(
        {
            "good": [1.0, 2.0, 3.0, np.nan, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0],
            "constant": [3.0] * 10,
            "nearly": [0.0] * 9 + [1.0],
            "half": [0.0, 1.0] * 5,
            "missing": [np.nan] * 3 + [np.inf] + list(range(6)),
            "scanner": list("aabbaabbab"),
        }
    )
    usable = Usable(missing=0.3, constant=0.9, carry=("scanner",)).fit(frame)
    assert usable.kept_ == ["good", "half", "scanner"]
    held = usable.transform(frame.assign(good=np.inf))
    assert (held["good"] == 6.0).all()
    assert list(held["scanner"]) == list(frame["scanner"])


def test_a_table_with_too_many_missing_columns_is_refused() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 10)))
    frame.iloc[:10, :6] = np.nan
    with pytest.raises(ConfigurationError, match="6 of 10 features are missing in more than 20%"):
        Usable().fit(frame)
    assert len(Usable(most_missing=0.6).fit(frame).kept_) == 4


def test_a_table_of_constants_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="near constant"):
        Usable().fit(pd.DataFrame(np.ones((20, 3))))


def test_no_two_kept_features_are_alike_and_each_that_went_is_like_a_kept_one() -> None:
    random = np.random.default_rng(1)
    sources = random.normal(size=(120, 8))
    frame = pd.DataFrame(np.hstack([np.exp(sources), -sources + 0.3 * random.normal(size=sources.shape)]))
    frame = frame.join(pd.DataFrame(random.normal(size=(120, 4)), columns=list("abcd")))
    frame.columns = [str(name) for name in frame.columns]
    kept = NotRedundant(0.8).fit(frame).kept_
    rho = frame.corr("spearman").abs()
    among = rho.loc[kept, kept].to_numpy() - np.eye(len(kept))
    assert among.max() < 0.8
    assert (rho.loc[[name for name in frame if name not in kept], kept].max(axis=1) >= 0.8).all()
    assert len(kept) == 12


def test_the_strongest_features_are_the_planted_ones_whatever_their_sign() -> None:
    frame, labels = planted()
    frame["true_0"] *= -1
    assert set(Strongest(3).fit(frame, labels).kept_) == {"true_0", "true_1", "true_2"}


def test_ties_count_half_in_a_univariate_auroc() -> None:
    found = univariate_auroc(np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]]), np.array([False, True, True]))
    assert list(found) == [0.5, 1.0]


def test_stability_selection_finds_what_was_planted_among_noise_and_little_else() -> None:
    frame, labels = planted()
    selected = StabilitySelection(pairs=25).fit(frame, labels)
    assert {"true_0", "true_1", "true_2"} <= set(selected.kept_)
    assert len(selected.kept_) <= 3 + np.ceil(selected.expected_false_)
    assert selected.expected_false_ == pytest.approx(64 / (0.2 * 203))


def test_stability_selection_of_noise_keeps_few_features() -> None:
    frame, _ = planted(noise=200)
    labels = np.random.default_rng(9).permutation(np.arange(len(frame)) % 2 == 0)
    noise = frame.drop(columns=["true_0", "true_1", "true_2"])
    selected = StabilitySelection(pairs=25, least=1).fit(noise, labels)
    assert (selected.frequency_ >= 0.6).sum() <= np.ceil(selected.expected_false_)
    assert len(selected.kept_) >= 1


def test_stability_selection_is_the_same_for_the_same_seed() -> None:
    frame, labels = planted(noise=30)
    first, second = (StabilitySelection(pairs=5, seed=4).fit(frame, labels).frequency_ for _ in range(2))
    assert first.equals(second)


@pytest.mark.parametrize("selector", [Strongest(), StabilitySelection()])
def test_selecting_by_labels_of_one_class_is_refused(selector: Strongest) -> None:
    frame, labels = planted(rows=10, noise=2)
    with pytest.raises(ConfigurationError, match="one class only"):
        selector.fit(frame, np.ones_like(labels))
