from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radloop.errors import ConfigurationError
from radloop.evaluation.ablation import ABLATION_COLUMNS, Rule, ablation_table, ablation_text


def dice(change: float = 0.0, spread: float = 0.0, patients: int = 40) -> pd.DataFrame:
    """Two cases of each patient with a Dice that a step changes by `change`, unequally by `spread`."""
    base = np.random.default_rng(0).uniform(0.7, 0.9, 2 * patients)
    moved = base + change + np.random.default_rng(1).normal(0, spread, base.size) if spread else base + change
    names = [f"p{n // 2}" for n in range(base.size)]
    return pd.DataFrame({"patient_id": names, "case": np.arange(base.size), "value": moved})


def scores(gain: float, n: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(2)
    label = np.arange(n) % 2
    noise, extra = random.normal(size=(2, n))
    frame = pd.DataFrame({"patient_id": [f"p{k // 3}" for k in range(n)], "case": np.arange(n), "label": label})
    return frame.assign(score=label + noise + gain * (label - 0.5) + 0.05 * extra)


def test_a_step_is_kept_where_the_metric_rises_and_dropped_where_it_falls() -> None:
    found = ablation_table(dice(), {"better": dice(0.02, 0.01), "worse": dice(-0.03, 0.01)})
    assert list(found.columns) == list(ABLATION_COLUMNS)
    assert found["kept"].tolist() == [True, False]
    assert found["reason"].tolist() == ["the metric does not fall", "the metric falls"]
    assert found["patients"].tolist() == [40, 40] and found["n"].tolist() == [80, 80]


def test_a_step_that_changes_nothing_does_not_make_the_metric_fall() -> None:
    found = ablation_table(dice(), {"idle": dice()}).iloc[0]
    assert found["kept"] and found["difference"] == found["low"] == found["high"] == 0


def test_a_rise_that_few_patients_cannot_vouch_for_is_not_kept() -> None:
    changes = np.repeat([0.3, -0.2, 0.1, -0.15, 0.2, -0.1], 2)
    few = dice(patients=6)
    found = ablation_table(few, {"lucky": few.assign(value=few["value"] + changes)}, Rule(margin=0.01)).iloc[0]
    assert found["low"] < -0.01 < 0 < found["difference"]
    assert found["reason"] == "a fall by 0.01 is not ruled out"
    assert not found["kept"]


def test_a_fall_within_the_margin_is_still_a_fall() -> None:
    assert not ablation_table(dice(), {"slightly worse": dice(-0.001)}, Rule(margin=0.5)).iloc[0]["kept"]


def test_pairing_is_by_case_and_not_by_row() -> None:
    shuffled = dice(0.01, 0.02).sample(frac=1, random_state=4)
    pd.testing.assert_frame_equal(
        ablation_table(dice(), {"step": shuffled}), ablation_table(dice(), {"step": dice(0.01, 0.02)})
    )


def test_the_interval_is_paired_and_so_narrower_than_the_metric_itself() -> None:
    found = ablation_table(dice(), {"step": dice(0.01, 0.005)}).iloc[0]
    assert found["high"] - found["low"] < 0.01 < dice()["value"].std()


def test_patients_and_not_images_are_the_unit() -> None:
    one = dice(0.01, 0.05, 20)
    copies = pd.concat([one.assign(case=one["case"] + 1000 * n) for n in range(5)])
    base = dice(patients=20)
    repeated = pd.concat([base.assign(case=base["case"] + 1000 * n) for n in range(5)])
    few, many = ablation_table(base, {"s": one}).iloc[0], ablation_table(repeated, {"s": copies}).iloc[0]
    assert many["high"] - many["low"] == pytest.approx(few["high"] - few["low"], rel=0.1)


def test_a_classification_is_judged_by_its_auroc() -> None:
    found = ablation_table(scores(0), {"better": scores(0.6), "worse": scores(-0.6)})
    assert found["kept"].tolist() == [True, False]
    assert found["with"][0] > found["without"][0] > found["with"][1]


def test_what_cannot_be_told_is_not_kept() -> None:
    alone = dice(patients=1)
    assert ablation_table(alone, {"step": alone.assign(value=1.0)}).iloc[0]["reason"] == "too few patients"
    one_class = scores(0).assign(label=1)
    assert not ablation_table(one_class, {"step": one_class}).iloc[0]["kept"]


@pytest.mark.parametrize(
    "other",
    [dice().iloc[1:], dice().assign(patient_id="p0"), scores(0), dice().assign(value=np.nan),
     pd.concat([dice(), dice()]), dice().drop(columns="value")],
)  # fmt: skip
def test_tables_that_are_no_pair_are_refused(other: pd.DataFrame) -> None:
    with pytest.raises(ConfigurationError):
        ablation_table(dice(), {"step": other})


def test_labels_that_differ_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="other cases, patients or labels"):
        ablation_table(scores(0), {"step": scores(0).assign(label=lambda frame: 1 - frame["label"])})


def test_no_step_and_no_rule_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="no step"):
        ablation_table(dice(), {})
    with pytest.raises(ConfigurationError, match="margin"):
        Rule(margin=-0.1)


def test_the_table_says_which_step_stays_and_why_and_names_no_patient() -> None:
    alone = ablation_table(dice(patients=1), {"unknown": dice(0.1, patients=1)})
    table = ablation_table(dice(), {"bias field": dice(0.02, 0.01), "rings": dice(-0.03, 0.01)})
    told = ablation_text(pd.concat([table, alone]), "Dice")
    lines = told.splitlines()
    assert "Dice without" in lines[0] and "90% interval" in lines[0]
    assert lines[2].startswith("| bias field | 0.8") and "| yes | the metric does not fall |" in lines[2]
    assert "| 80, 40 | no | the metric falls |" in lines[3]
    assert "| unknown | 2, 1 | no | too few patients |" in lines[4]
    assert "p0" not in told
