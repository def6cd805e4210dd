"""Held-out cases made in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit


def make_cases(n: int = 400, seed: int = 0, strength: float = 2.0) -> pd.DataFrame:
    """Well calibrated cases of n / 2 patients with metadata; half a case in ten without a manufacturer."""
    random = np.random.default_rng(seed)
    logit = random.normal(0, strength, n)
    score = expit(logit)
    frame = pd.DataFrame(
        {
            "record_id": [f"r{i:05d}" for i in range(n)],
            "patient_id": [f"p{i // 2:05d}" for i in range(n)],
            "label": random.random(n) < score,
            "score": score,
            "sex": random.choice(["F", "M"], n),
            "age": random.uniform(1, 95, n),
            "view": random.choice(["PA", "AP"], n),
            "site": random.choice(["north", "south", "west"], n),
            "manufacturer": random.choice(["Aster", "Borealis"], n),
            "acquisition_group": random.choice(["2500x2048", "3000x3000"], n),
        }
    )
    frame["decision"] = frame["score"] >= 0.5
    return frame


@pytest.fixture
def cases() -> Callable[..., pd.DataFrame]:
    """The builder of cases."""
    return make_cases
