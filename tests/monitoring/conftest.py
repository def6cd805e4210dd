"""A month of predictions, made in memory: patients first, then their images, so that images of one cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from radloop.records import Prediction, schema_of

VENDORS = (("Rontgen Works", "RW-1", "3.1"), ("Actinia", "A200", "7.0"), ("Actinia", "A300", "7.2"))


@dataclass(frozen=True)
class Shift:
    """What differs from the reference: shares of images or patients, years, probabilities."""

    vendor: float = 0.0
    older: float = 0.0
    ap_only: bool = False
    prevalence: float = 0.3
    labelled: float = 0.0
    skill: float = 2.4
    blind_women: bool = False
    corrupt: float = 0.0
    inverted: float = 0.0


def month(seed: int, images: int = 400, per_patient: float = 1.15, shift: Shift = Shift()) -> pd.DataFrame:
    """Predictions of one month with `label` (null where nobody looked)."""
    rng = np.random.default_rng(seed)
    sizes = 1 + rng.poisson(per_patient - 1, images)
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), images)) + 1]
    patient = np.repeat(np.arange(len(sizes)), sizes)[:images]
    person = _people(rng, len(sizes), shift)
    rows = person.iloc[patient].reset_index(drop=True)
    n = len(rows)
    _images(rows, rng, shift)
    rows["patient_id"] = [f"secretpatient{seed}-{p}" for p in patient]
    for name in ("prediction_id", "record_id", "study_id"):
        rows[name] = [f"secret{name}{seed}-{i}" for i in range(n)]
    rows["received_on"] = [date(2026, 3, 1) + timedelta(days=int(d)) for d in np.sort(rng.integers(0, 30, n))]
    rows["label"] = rows["label"].where(rng.random(n) < shift.labelled, None)
    likeness = np.clip(0.22 + 0.05 * rng.normal(size=n), 0.0, 0.45)
    rows["image_inverted"] = np.where(rng.random(n) < shift.inverted, 1.0 - likeness, likeness)
    for name in schema_of(Prediction).names:
        if name not in rows:
            rows[name] = None
    return rows


def _people(rng: np.random.Generator, n: int, shift: Shift) -> pd.DataFrame:
    scanner = np.where(rng.random(n) < shift.vendor, 9, rng.choice(3, n, p=[0.5, 0.3, 0.2]))
    names = {0: VENDORS[0], 1: VENDORS[1], 2: VENDORS[2], 9: ("Lumenor", "LX", "1.0")}
    frame = pd.DataFrame([names[int(s)] for s in scanner], columns=["manufacturer", "model_name", "software"])
    frame["scanner"] = scanner
    frame["site"] = rng.choice(["north", "south"], n, p=[0.6, 0.4])
    frame["sex"] = rng.choice(["F", "M"], n)
    frame["age"] = np.clip(rng.normal(52 + shift.older, 18, n), 0, 110).round()
    frame["kvp"] = np.where(scanner == 9, 90.0, 120.0) + rng.normal(0, 2, n)
    frame["pixel_spacing"] = np.choose(np.minimum(scanner, 3), [0.14, 0.15, 0.15, 0.2])
    frame["label"] = (rng.random(n) < shift.prevalence).astype(object)
    frame["habit"] = rng.normal(size=n)
    return frame


def _images(rows: pd.DataFrame, rng: np.random.Generator, shift: Shift) -> None:
    n = len(rows)
    new = (rows["scanner"] == 9).to_numpy()
    corrupt = rng.random(n) < shift.corrupt
    rows["view"] = "AP" if shift.ap_only else rng.choice(["AP", "PA"], n, p=[0.4, 0.6])
    rows["modality"], rows["photometric_interpretation"] = "DX", "MONOCHROME2"
    rows["rows"], rows["columns"], rows["exposure"] = 512, 512, rng.gamma(4, 1, n)
    rows["image_mean"] = 0.5 + 0.05 * (rows["habit"] + rng.normal(size=n)) + 0.08 * new
    rows["image_std"] = 0.25 + 0.01 * rng.normal(size=n) - 0.02 * new
    rows["image_p01"], rows["image_p99"] = 0.0, 1.0
    rows["image_entropy"] = 7 + 0.2 * rng.normal(size=n)
    rows["image_sharpness"] = 0.05 + 0.005 * rng.normal(size=n) + 0.008 * new
    rows["image_noise"] = 0.01 + 0.001 * rng.normal(size=n)
    truth = rows["label"].to_numpy().astype(bool)
    skill = np.where(shift.blind_women & (rows["sex"] == "F"), 0.0, shift.skill)
    rows["logit"] = -1.2 + skill * (truth - 0.5) + 0.5 * rows["habit"] + rng.normal(size=n)
    rows["score"] = 1 / (1 + np.exp(-rows["logit"]))
    rows["threshold"] = 0.25
    rows["decision"] = rows["score"] >= 0.25
    shape = rng.normal(size=(n, 16)) + 0.6 * rows["habit"].to_numpy()[:, None]
    shape[:, 0] += rows["logit"]
    shape[:, 1:4] += 0.9 * new[:, None] + 30.0 * corrupt[:, None]
    rows["embedding"] = list(shape.astype(np.float32))
    rows["bundle"], rows["model_version"], rows["use_case"] = "b" * 64, "3", "chest_pneumonia"


@pytest.fixture(scope="session")
def make_month() -> Callable[..., pd.DataFrame]:
    """The maker of months."""
    return month


@pytest.fixture(scope="session")
def reference() -> pd.DataFrame:
    """What a model was judged on: 300 labelled images of about 250 patients."""
    return month(1000, 300, 1.2, Shift(labelled=1.0)).assign(split="test")


@pytest.fixture(scope="session")
def shift() -> type[Shift]:
    """What a month may differ in."""
    return Shift
