"""Scanners' shifts go, biology stays, and unseen scanners follow the rule."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radloop.errors import ConfigurationError
from radloop.radiomics.harmonise import ComBat

FEATURES = [f"f{at}" for at in range(20)]


def two_scanners(seed: int = 0, rows: int = 240) -> pd.DataFrame:
    """Scanner b adds 3 and doubles the noise; age adds 0.1 a year everywhere, and b's patients are older."""
    random = np.random.default_rng(seed)
    scanner = np.where(np.arange(rows) % 2 == 0, "a", "b")
    age = random.uniform(40, 70, rows) + 10 * (scanner == "b")
    noise = random.normal(size=(rows, len(FEATURES))) * np.where(scanner == "b", 2, 1)[:, None]
    values = 5 + noise + 3 * (scanner == "b")[:, None] + 0.1 * age[:, None]
    return pd.DataFrame(values, columns=FEATURES).assign(scanner=scanner, age=age)


def gap(frame: pd.DataFrame, scanner: pd.Series) -> float:
    means = frame[FEATURES].groupby(scanner.to_numpy()).mean()
    return float((means.loc["b"] - means.loc["a"]).mean())


def test_a_planted_shift_and_spread_go_while_a_planted_effect_of_age_stays() -> None:
    training, held = two_scanners(), two_scanners(seed=1)
    told = ComBat(preserve=("age",)).fit(training).transform(held)
    assert gap(held, held["scanner"]) == pytest.approx(4, abs=0.3)
    assert gap(told, held["scanner"]) == pytest.approx(1, abs=0.3)  # ten years' worth
    slope = np.polyfit(held["age"], told[FEATURES].mean(axis=1), 1)[0]
    assert slope == pytest.approx(0.1, abs=0.02)
    residual = told[FEATURES].sub(0.1 * held["age"], axis=0)
    spread = residual.groupby(held["scanner"]).std().mean(axis=1)
    assert spread["b"] / spread["a"] == pytest.approx(1, abs=0.1)
    assert list(told.columns) == [*FEATURES, "age"]


def test_what_is_not_preserved_goes_with_the_scanner() -> None:
    training = two_scanners().drop(columns="age")
    told = ComBat().fit(training).transform(training)
    assert gap(told, training["scanner"]) == pytest.approx(0, abs=0.05)


def test_rows_of_an_unseen_scanner_are_left_as_they_are() -> None:
    training, held = two_scanners(), two_scanners(seed=1)
    held["scanner"] = np.where(held["scanner"] == "b", "c", "a")
    told = ComBat(preserve=("age",)).fit(training).transform(held)
    unseen = held["scanner"] == "c"
    assert told.loc[unseen, FEATURES].equals(held.loc[unseen, FEATURES])
    assert not told.loc[~unseen, FEATURES].equals(held.loc[~unseen, FEATURES])


def test_rows_of_an_unseen_scanner_are_refused_where_that_is_asked() -> None:
    training = two_scanners()
    with pytest.raises(ConfigurationError, match="120 of 240 rows are of a scanner"):
        ComBat(preserve=("age",), unseen="refuse").fit(training).transform(training.replace("b", "c"))


def test_what_becomes_of_a_row_does_not_depend_on_who_else_is_asked_about() -> None:
    training, held = two_scanners(), two_scanners(seed=1).replace("b", "c")
    fitted = ComBat(preserve=("age",)).fit(training)
    alone = pd.concat([fitted.transform(held.iloc[[at]]) for at in range(10)])
    pd.testing.assert_frame_equal(alone, fitted.transform(held).iloc[:10], check_exact=False, rtol=1e-12)


def test_a_scanner_learned_on_purpose_loses_its_shift_and_keeps_its_spread() -> None:
    training, held = two_scanners(), two_scanners(seed=1)
    new = held[held["scanner"] == "b"].assign(scanner="c")
    fitted = ComBat(preserve=("age",)).fit(training)
    raw = fitted.transform(new)
    learned = fitted.learn_scanner(new.head(30)).transform(new)
    expected = fitted.transform(held[held["scanner"] == "b"])
    assert abs(raw[FEATURES].mean().mean() - expected[FEATURES].mean().mean()) > 1
    assert learned[FEATURES].mean().mean() == pytest.approx(expected[FEATURES].mean().mean(), abs=0.3)
    assert learned[FEATURES].std().to_numpy() == pytest.approx(raw[FEATURES].std().to_numpy())


@pytest.mark.parametrize(
    ("rows", "said"), [(4, "at least 5 rows"), (240, "of 2 scanners")]
)  # fmt: skip
def test_a_scanner_is_not_learned_from_few_rows_or_from_a_mixture(rows: int, said: str) -> None:
    training = two_scanners()
    new = training.head(rows).replace({"a": "c", "b": "d" if rows > 4 else "c"})
    with pytest.raises(ConfigurationError, match=said):
        ComBat(preserve=("age",)).fit(training).learn_scanner(new)


def test_a_scanner_of_few_training_rows_counts_as_unseen() -> None:
    training = two_scanners()
    training.loc[:3, "scanner"] = "rare"
    fitted = ComBat(preserve=("age",)).fit(training)
    assert sorted(fitted.scanners_) == ["a", "b"]
    told = fitted.transform(training)
    assert told.loc[:3, FEATURES].equals(training.loc[:3, FEATURES])


def test_a_single_scanner_leaves_everything_as_it_is() -> None:
    training = two_scanners().assign(scanner="a")
    told = ComBat(preserve=("age",)).fit(training).transform(training)
    assert told[FEATURES].equals(training[FEATURES])


def test_few_noisy_rows_are_shrunk_towards_what_the_scanners_other_features_show() -> None:
    random = np.random.default_rng(5)
    scanner = np.array(["a"] * 200 + ["b"] * 6)
    values = random.normal(size=(206, 50)) + 2.0 * (scanner == "b")[:, None]
    frame = pd.DataFrame(values).add_prefix("f").assign(scanner=scanner)
    fitted = ComBat().fit(frame)
    found = fitted.scanners_["b"].shift * fitted.spread_ + fitted.mean_
    raw = values[200:].mean(axis=0)
    assert ((found - 2.0) ** 2).mean() < 0.3 * ((raw - 2.0) ** 2).mean()


def test_a_scanner_that_goes_with_what_is_preserved_is_refused() -> None:
    training = two_scanners()
    training["site"] = (training["scanner"] == "b").astype(float)
    with pytest.raises(ConfigurationError, match="cannot be told from site"):
        ComBat(preserve=("site",)).fit(training)


def test_gaps_and_missing_columns_are_refused() -> None:
    training = two_scanners()
    with pytest.raises(ConfigurationError, match="not finite"):
        ComBat().fit(training.assign(f0=np.nan))
    with pytest.raises(ConfigurationError, match="no column scanner"):
        ComBat().fit(training.drop(columns="scanner"))


def test_neurocombat_says_the_same() -> None:
    """Figures of neuroCombat 0.2.12 on this table, age preserved; it stops at a relative change of 1e-4."""
    random = np.random.default_rng(0)
    scanner = np.array(list("abc"))[np.arange(60) % 3]
    age, second = random.uniform(40, 70, 60), scanner == "b"
    values = random.normal(size=(60, 8)) * (1 + second)[:, None]
    values = values + second[:, None] * random.normal(2, 0.5, 8) + 0.1 * age[:, None]
    frame = pd.DataFrame(values).add_prefix("f").assign(scanner=scanner, age=age)
    told = ComBat(preserve=("age",)).fit(frame).transform(frame)
    theirs = np.array([[5.70218672, 4.82353046], [6.21259193, 2.46672312], [4.13365018, 5.95817191]])
    assert told.iloc[:3, :2].to_numpy() == pytest.approx(theirs, abs=1e-4)
