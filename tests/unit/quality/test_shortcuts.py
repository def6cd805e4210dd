from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radloop.params import UseCase
from radloop.quality.shortcuts import shortcut_probe

Catalog = Callable[..., pd.DataFrame]


def films(catalog: Catalog, portable_if_ill: float, films_each: int = 1) -> pd.DataFrame:
    """200 patients whose view depends on their disease as much as asked: half of it at 0.5, all of it at 1."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for patient in range(200):
        ill = patient % 2 == 0
        view = "AP" if (rng.random() < portable_if_ill) == ill else "PA"
        age = float(rng.integers(20, 90))
        one = {"patient_id": f"p{patient}", "view": view, "age": age, "findings": ["Pneumonia"] if ill else []}
        rows += [one] * films_each
    return catalog(*rows)


def test_a_view_that_tells_the_disease_is_warned_of(catalog: Catalog, case: UseCase) -> None:
    probe = shortcut_probe(case, films(catalog, 0.95))
    assert probe.auroc is not None and probe.auroc.value is not None and probe.auroc.value > 0.9
    assert probe.warns and "severity warn" in probe.told()


def test_metadata_that_tell_nothing_are_no_shortcut(catalog: Catalog, case: UseCase) -> None:
    probe = shortcut_probe(case, films(catalog, 0.5))
    assert probe.auroc is not None and probe.auroc.low is not None and probe.auroc.low < 0.5
    assert not probe.warns


def test_an_age_that_only_names_its_patient_tells_nothing(catalog: Catalog, case: UseCase) -> None:
    """Ten films each of one age: a model that had seen a patient would know the answer by the age."""
    probe = shortcut_probe(case, films(catalog, 0.5, films_each=10))
    assert probe.auroc is not None and probe.auroc.value == pytest.approx(0.5, abs=0.12)


def test_too_few_cases_or_nobody_who_looked_give_no_figure(catalog: Catalog, case: UseCase) -> None:
    few = catalog(*({"findings": ["Pneumonia"] if n < 5 else []} for n in range(40)))
    for table in (few, catalog(*({"findings": None} for _ in range(40)))):
        probe = shortcut_probe(case, table)
        assert probe.auroc is None and not probe.warns and "too few" in probe.told()
