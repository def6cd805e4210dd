"""Planted artefacts on real images: each detector must tell planted from unplanted ones, and grow with the fault.

Patients are the unit of an interval where there are several; the one CT is one patient, so that its interval speaks
of slices, every fourth of them, and of no other patient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from radloop.dicom.read import parse_dicom
from radloop.dicom.series import series_volume
from radloop.imaging.artefacts import (
    ghosting_score,
    grid_line_score,
    metal_score,
    remove_grid_lines,
    remove_rings,
    ring_score,
)
from radloop.intervals import Interval, auroc_interval
from radloop.nifti import read_nifti
from radloop.png import read_png

pytestmark = pytest.mark.real
Images = list[np.ndarray]


@pytest.fixture(scope="module")
def films(shared_data: Path) -> tuple[Images, list[str]]:
    """Every fourth real film, and whose it is."""
    paths = sorted((shared_data / "nih_cxr" / "images").glob("*.png"))[::4]
    return [read_png(path.read_bytes()).astype(np.float32) for path in paths], [
        path.name.split("_")[0] for path in paths
    ]


@pytest.fixture(scope="module")
def slices(shared_data: Path) -> Images:
    """Every second slice of a real CT, [h, w] in HU."""
    paths = sorted((shared_data / "dicom_sts_004" / "CT" / "image").glob("*.dcm"))
    volume = series_volume([parse_dicom(path.read_bytes()) for path in paths])
    return [np.ascontiguousarray(volume.voxels[..., k].T) for k in range(0, volume.voxels.shape[2], 2)]


@pytest.fixture(scope="module")
def heads(shared_data: Path) -> Images:
    """All real MR volumes, of a patient each."""
    paths = sorted((shared_data / "msd_hippocampus" / "imagesTr").glob("*.nii.gz"))
    return [np.asarray(read_nifti(path.read_bytes()).voxels, np.float32) for path in paths]


def lined(film: np.ndarray, seed: int, amplitude: float) -> np.ndarray:
    """Grid lines of a random frequency and direction, a little askew, rounded to whole grey levels."""
    random = np.random.default_rng(seed)
    down, across = np.indices(film.shape)
    down, across = (down, across) if seed % 2 else (across, down)
    phase = random.uniform(0.15, 0.48) * (across + random.normal(0, 0.005) * down)
    return np.clip(np.rint(film + amplitude * np.sin(2 * np.pi * phase + random.uniform(0, 6))), 0, 255)


def ringed(slice_: np.ndarray, seed: int, hu: float) -> np.ndarray:
    """Three rings of a random radius within the patient, brighter or darker."""
    random = np.random.default_rng(seed)
    down, across = (axis - (size - 1) / 2 for axis, size in zip(np.indices(slice_.shape), slice_.shape, strict=True))
    away, widest = np.hypot(down, across), 0.8 * np.sqrt(np.count_nonzero(slice_ > -300) / np.pi)
    rings = sum(random.choice([-1, 1]) * hu * np.exp(-((away - random.uniform(12, widest)) ** 2)) for _ in range(3))
    return np.where(slice_ > -900, slice_ + rings, slice_)


def screwed(slice_: np.ndarray, seed: int, radius: float) -> np.ndarray:
    """A rod of metal through a random place in the patient, with the streaks that it throws."""
    random = np.random.default_rng(seed)
    inside = np.argwhere(slice_ > -100)
    place = inside[random.integers(len(inside))]
    down, across = (axis - at for axis, at in zip(np.indices(slice_.shape), place, strict=True))
    away, angle = np.hypot(down, across), np.arctan2(down, across)
    streaks = 150 * np.cos(6 * angle + random.uniform(0, 6)) * np.exp(-away / 30)
    rod = 6000 * np.clip(radius - away + 0.5, 0, 1)
    return np.minimum(slice_ + streaks + rod, 3071)


def ghosted(volume: np.ndarray, seed: int, share: float) -> np.ndarray:
    """A ghost of a half, a third or a quarter of the field, along either axis of a slice."""
    axis = seed % 2
    return volume + share * np.roll(volume, volume.shape[axis] // (2 + seed % 3), axis)


def told(
    images: Images,
    plant: Callable[[np.ndarray, int, float], np.ndarray],
    amount: float,
    detect: Callable[[np.ndarray], float],
    whose: Sequence[object] | None = None,
) -> Interval:
    """AUROC of the detector between images as they are and with a fault planted."""
    clean = [detect(image) for image in images]
    planted = [detect(plant(image, seed, amount)) for seed, image in enumerate(images)]
    patients = None if whose is None else [*whose, *whose]
    found = auroc_interval([0] * len(clean) + [1] * len(planted), clean + planted, patients)
    print(f"amount {amount:g}: AUROC {found}, false alarms {np.mean(np.array(clean) > 0.5):.3f}, "
          f"found at 0.5 {np.mean(np.array(planted) > 0.5):.3f}")  # fmt: skip
    return found


def at_least(found: Interval, floor: float) -> None:
    assert found.low is not None and found.low > floor, str(found)


@pytest.mark.parametrize(("amplitude", "floor"), [(0.7, 0.80), (1.0, 0.95), (2.0, 0.95)])
def test_grid_lines_are_told_on_real_films(films: tuple[Images, list[str]], amplitude: float, floor: float) -> None:
    at_least(told(films[0], lined, amplitude, grid_line_score, films[1]), floor)


def test_few_real_films_are_said_to_have_grid_lines_and_those_without_come_back(
    films: tuple[Images, list[str]],
) -> None:
    alarms = [film for film in films[0] if grid_line_score(film) > 0.5]
    assert len(alarms) <= 0.02 * len(films[0])
    for film in films[0][:20]:
        assert grid_line_score(film) > 0.5 or np.array_equal(remove_grid_lines(film), film)


def test_planted_grid_lines_go_and_the_film_stays(films: tuple[Images, list[str]]) -> None:
    left = []
    for seed, film in enumerate(films[0][:60]):
        planted = lined(film, seed, 3)
        left.append(np.std(remove_grid_lines(planted) - film) / np.std(planted - film))
    print("share of planted lines left:", np.round(np.quantile(left, (0.05, 0.5, 0.95)), 3))
    assert np.median(left) < 0.35


@pytest.mark.parametrize(("hu", "floor"), [(10, 0.70), (20, 0.80), (40, 0.80)])
def test_rings_are_told_on_a_real_ct(slices: Images, hu: float, floor: float) -> None:
    at_least(told(slices[::2], ringed, hu, ring_score), floor)


def test_planted_rings_become_less_and_the_rest_stays(slices: Images) -> None:
    left = []
    for seed, slice_ in enumerate(slices):
        planted = ringed(slice_, seed, 40)
        left.append(np.std(remove_rings(planted) - slice_) / np.std(planted - slice_))
    print("share of planted rings left:", np.round(np.quantile(left, (0.05, 0.5, 0.95)), 3))
    assert np.median(left) < 0.75


@pytest.mark.parametrize("radius", [0.7, 1.5, 3.0])
def test_metal_is_told_on_a_real_ct_without_a_false_alarm(slices: Images, radius: float) -> None:
    at_least(told(slices[::2], screwed, radius, lambda slice_: metal_score(slice_, (0.977, 0.977))), 0.75)
    assert max(metal_score(slice_, (0.977, 0.977)) for slice_ in slices) < 0.1


@pytest.mark.parametrize(("share", "floor"), [(0.05, 0.94), (0.1, 0.98), (0.2, 0.99)])
def test_ghosts_are_told_on_real_mr(heads: Images, share: float, floor: float) -> None:
    at_least(told(heads, ghosted, share, ghosting_score, range(len(heads))), floor)
