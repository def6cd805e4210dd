from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from radloop.imaging.resample import shrink
from radloop.quality.fingerprints import Fingerprint, fingerprint
from radloop.quality.near_duplicates import Pair, alikeness, candidates, near_duplicates

Chest = Callable[..., np.ndarray]


def as_jpeg(film: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(film).save(stream, "jpeg", quality=30)
    return np.asarray(Image.open(stream))


def resized(film: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(film).resize((side, side), Image.Resampling.BICUBIC))


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "re-scaled": lambda film: resized(film, 190),
    "re-compressed": as_jpeg,
    "cropped by 4 %": lambda film: film[5:-5, 5:-5],
    "cropped at one side": lambda film: film[:-6, 6:],
    "brighter": lambda film: np.clip(film * 1.1 + 5.0, 0, 255),
    "another gamma": lambda film: 255.0 * (film / 255.0) ** 0.8,
    "noisy": lambda film: film + np.random.default_rng(0).normal(0, 6, film.shape),
    "turned by 1 degree": lambda film: np.asarray(Image.fromarray(film).rotate(1.0, Image.Resampling.BICUBIC)),
}


def marks(*films: np.ndarray) -> list[Fingerprint | None]:
    return [fingerprint(shrink(film)) for film in films]


def found(prints: list[Fingerprint | None], owners: list[str]) -> list[Pair]:
    return near_duplicates(prints, owners, distance=104, correlation=0.90)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_under_another_patient_is_found(chest: Chest, change: str) -> None:
    prints = marks(chest(0), chest(1), CHANGES[change](chest(0)), chest(2))
    assert [(pair.first, pair.second) for pair in found(prints, ["a", "b", "c", "d"])] == [(0, 2)]


def test_copies_of_one_patient_are_no_matter(chest: Chest) -> None:
    assert found(marks(chest(0), as_jpeg(chest(0))), ["a", "a"]) == []


def test_different_patients_are_no_pair(chest: Chest) -> None:
    assert found(marks(*(chest(seed) for seed in range(12))), [str(n) for n in range(12)]) == []


def test_films_without_a_fingerprint_are_passed_over(chest: Chest) -> None:
    flat = np.zeros((64, 64), np.uint8)
    pairs = found(marks(flat, chest(0), flat, as_jpeg(chest(0))), ["a", "b", "c", "d"])
    assert [(pair.first, pair.second) for pair in pairs] == [(1, 3)]
    assert found(marks(flat, flat), ["a", "b"]) == []


def test_a_negative_is_no_copy(chest: Chest) -> None:
    assert found(marks(chest(0), 255 - chest(0)), ["a", "b"]) == []


def test_candidates_in_blocks_are_the_candidates_of_a_plain_comparison() -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**63, (600, 8), dtype=np.uint64)
    bits[500] = bits[3] ^ np.uint64(0b1011)
    bits[4] = bits[3]
    plain = np.bitwise_count(bits[:, None] ^ bits[None]).sum(axis=2)
    expected = {(i, j, int(plain[i, j])) for i in range(600) for j in range(i + 1, 600) if plain[i, j] <= 200}
    assert set(candidates(bits, 200)) == expected
    assert {(3, 500, 24), (4, 500, 24), (3, 4, 0)} <= expected


def test_registration_recovers_a_shifted_and_turned_copy(chest: Chest) -> None:
    film = chest(5)
    moved = np.asarray(Image.fromarray(film).rotate(2.0, Image.Resampling.BICUBIC, translate=(8, -6)))
    assert alikeness(shrink(film), shrink(moved)) > 0.93
    assert alikeness(shrink(film), shrink(chest(6))) < 0.8
