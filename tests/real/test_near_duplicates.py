"""False pairs among real films of different patients, and copies of real films that are found."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from radloop.imaging.resample import shrink
from radloop.params import UseCase
from radloop.png import read_png
from radloop.quality.fingerprints import Fingerprint, fingerprint
from radloop.quality.near_duplicates import near_duplicates

pytestmark = pytest.mark.real
BICUBIC = Image.Resampling.BICUBIC


def jpeg(film: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(film).save(stream, "jpeg", quality=20)
    return np.asarray(Image.open(stream))


#: Each change, with the share of copies that must be found.
CHANGES: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "halved": (1.0, lambda film: np.asarray(Image.fromarray(film).resize((128, 128), BICUBIC))),
    "re-scaled to 200": (1.0, lambda film: np.asarray(Image.fromarray(film).resize((200, 200), BICUBIC))),
    "JPEG quality 20": (1.0, jpeg),
    "brighter": (0.97, lambda film: np.clip(film * 1.2 + 10.0, 0, 255)),
    "gamma 0.7": (1.0, lambda film: 255.0 * (film / 255.0) ** 0.7),
    "gamma 1.5": (1.0, lambda film: 255.0 * (film / 255.0) ** 1.5),
    "noise": (1.0, lambda film: film + np.random.default_rng(0).normal(0, 6, film.shape)),
    "cropped by 2 %": (0.98, lambda film: film[3:-3, 3:-3]),
    "cropped by 4 %": (0.97, lambda film: film[5:-5, 5:-5]),
    "cropped by 4 % at one corner": (0.80, lambda film: film[:-10, 5:-5]),
    "turned by 1 degree": (0.98, lambda film: np.asarray(Image.fromarray(film).rotate(1, BICUBIC))),
    "turned by 2 degrees": (0.95, lambda film: np.asarray(Image.fromarray(film).rotate(2, BICUBIC))),
}


@pytest.fixture(scope="module")
def films(shared_data: Path) -> list[np.ndarray]:
    """All real films, in the order of their names."""
    return [read_png(path.read_bytes()) for path in sorted((shared_data / "nih_cxr" / "images").glob("*.png"))]


@pytest.fixture(scope="module")
def patients(shared_data: Path) -> list[str]:
    """Their patients."""
    table = pd.read_csv(next((shared_data / "nih_cxr").glob("*.csv"))).sort_values("Image Index")
    return table["Patient ID"].astype(str).tolist()


def marks(films: list[np.ndarray]) -> list[Fingerprint | None]:
    return [fingerprint(shrink(film)) for film in films]


def test_no_pair_of_different_patients_is_called_a_copy(
    films: list[np.ndarray], patients: list[str], case: UseCase
) -> None:
    knobs = case.split
    found = near_duplicates(
        marks(films), patients, knobs.near_duplicate_distance, knobs.near_duplicate_correlation
    )  # fmt: skip
    closest = near_duplicates(marks(films), patients, distance=112, correlation=0.5)
    print(f"closest pairs: {sorted(pair.correlation for pair in closest)[-5:]}")
    assert len(films) == 808
    assert found == []


def test_the_one_film_that_the_source_holds_twice_is_found(films: list[np.ndarray], case: UseCase) -> None:
    """Two files of one patient are equal; with every film an owner of its own they are the only pair."""
    owners = [str(number) for number in range(len(films))]
    pairs = near_duplicates(marks(films), owners, case.split.near_duplicate_distance, 0.9)
    assert [(pair.distance, pair.correlation) for pair in pairs] == [(0, 1.0)]


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_found(films: list[np.ndarray], change: str, case: UseCase) -> None:
    least, alter = CHANGES[change]
    knobs = case.split
    chosen = films[::8]
    found = sum(
        bool(near_duplicates(marks([film, alter(film)]), ["a", "b"], knobs.near_duplicate_distance,
                             knobs.near_duplicate_correlation))
        for film in chosen
    )  # fmt: skip
    print(f"{change}: {found} of {len(chosen)}")
    assert found >= least * len(chosen)
