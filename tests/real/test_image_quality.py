"""Planted faults of real films: each measure must tell changed from unchanged ones, and grow with the change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, rotate, uniform_filter1d
from sklearn.metrics import roc_auc_score

from radloop.imaging.statistics import film_statistics
from radloop.png import read_png

pytestmark = pytest.mark.real
Change = Callable[[np.ndarray, float], np.ndarray]


def bordered(film: np.ndarray, share: float) -> np.ndarray:
    width = int(share * film.shape[0])
    inside = np.zeros_like(film)
    inside[width:-width, width:-width] = film[width:-width, width:-width]
    return inside


def noisy(film: np.ndarray, deviation: float) -> np.ndarray:
    return film + np.random.default_rng(0).normal(0, deviation, film.shape)


def tilted(film: np.ndarray, angle: float) -> np.ndarray:
    return np.asarray(rotate(film, -angle, reshape=False, order=1, mode="nearest"))


#: Column, change, amounts that grow, and the AUROC that the largest must reach.
CHANGES: dict[str, tuple[str, Change, tuple[float, ...], float]] = {
    "noise": ("image_noise", noisy, (2, 4, 8), 0.99),
    "blur": ("image_sharpness", gaussian_filter, (0.7, 1.0, 1.5), 0.90),
    "motion across": ("image_motion", lambda film, n: uniform_filter1d(film, int(n), axis=1), (3, 5, 7), 0.90),
    "motion along": ("image_motion", lambda film, n: uniform_filter1d(film, int(n), axis=0), (3, 5, 7), 0.90),
    "flat": ("image_contrast", lambda film, loss: 128 + (1 - loss) * (film - 128), (0.2, 0.4, 0.6), 0.95),
    "overexposed": ("image_exposure", lambda film, loss: 255 * (film / 255) ** (1 - loss), (0.2, 0.4, 0.6), 0.90),
    "clipped": ("image_saturated", lambda film, gain: np.clip(128 + gain * (film - 128), 0, 255), (1.3, 1.6, 2), 0.95),
    "turned": ("image_turned", lambda film, turns: np.rot90(film, int(turns)), (1,), 0.95),
    "upside down": ("image_turned", lambda film, turns: np.rot90(film, int(turns)), (2,), 0.95),
    "tilted": ("image_tilt", tilted, (5, 10, 14), 0.90),
    "bordered": ("image_collimated", bordered, (0.03, 0.06, 0.10), 0.95),
}


@pytest.fixture(scope="module")
def films(shared_data: Path) -> list[np.ndarray]:
    """Every eighth real film."""
    paths = sorted((shared_data / "nih_cxr" / "images").glob("*.png"))[::8]
    return [read_png(path.read_bytes()).astype(np.float32) for path in paths]


def measured(films: list[np.ndarray], column: str) -> np.ndarray:
    return np.array([film_statistics(film, 8, 1.0)[column] for film in films], dtype=float)


@pytest.mark.parametrize("name", CHANGES)
def test_a_planted_change_is_told_and_grows(films: list[np.ndarray], name: str) -> None:
    column, change, amounts, least = CHANGES[name]
    told = [measured(films, column), *(measured([change(f, amount) for f in films], column) for amount in amounts)]
    if name in ("blur", "flat"):
        told = [-values for values in told]
    medians = [float(np.median(values)) for values in told]
    sizes = [np.abs(values) for values in told] if name == "tilted" else told
    truth = np.repeat([0, 1], len(films))
    aurocs = [float(roc_auc_score(truth, np.concatenate([sizes[0], changed]))) for changed in sizes[1:]]
    print(f"{name}: medians {np.round(medians, 4).tolist()}, AUROC {np.round(aurocs, 3).tolist()}")
    assert medians == sorted(medians)
    assert aurocs[-1] >= least
