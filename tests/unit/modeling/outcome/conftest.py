"""Patients whose hazards are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from radloop.modeling.outcome.survival import Survival
from radloop.simulate.outcomes import KnownHazard, event_times

HAZARD = KnownHazard(coefficients=(("size", 0.8), ("texture", -0.5)), median=400, lost=0.0005, ends=1500)


def make_patients(n: int, seed: int = 0, studies: int = 1) -> tuple[pd.DataFrame, Survival]:
    """Features and outcomes of n patients with some equal studies each; `noise` has no bearing on outcome."""
    random = np.random.default_rng([seed, 7])
    features = pd.DataFrame(random.standard_normal((n, 3)), columns=["size", "texture", "noise"])
    told = event_times(features, HAZARD, seed)
    repeated = np.repeat(np.arange(n), studies)
    told = told.iloc[repeated]
    return features.iloc[repeated].reset_index(drop=True), Survival.of(told["time"], told["event"], repeated)


@pytest.fixture
def hazard() -> KnownHazard:
    """The hazard behind the patients."""
    return HAZARD


@pytest.fixture
def patients() -> Callable[..., tuple[pd.DataFrame, Survival]]:
    """The builder of patients."""
    return make_patients
