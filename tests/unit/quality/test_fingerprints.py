from __future__ import annotations

from collections.abc import Callable

import numpy as np

from radloop.imaging.resample import shrink
from radloop.quality.fingerprints import BITS, Fingerprint, fingerprint

Chest = Callable[..., np.ndarray]


def distance(a: Fingerprint | None, b: Fingerprint | None) -> int:
    assert a is not None and b is not None
    both = np.frombuffer(a.bits, np.uint8) ^ np.frombuffer(b.bits, np.uint8)
    return int(np.unpackbits(both).sum())


def test_a_fingerprint_has_512_bits_and_a_thumbnail(chest: Chest) -> None:
    mark = fingerprint(shrink(chest(0)))
    assert mark is not None
    assert (len(mark.bits) * 8, len(mark.thumbnail)) == (BITS, 64 * 64)


def test_brightness_and_contrast_change_no_bit(chest: Chest) -> None:
    film = shrink(chest(0))
    assert distance(fingerprint(film), fingerprint(film * 2.0 + 500.0)) == 0


def test_a_re_scaled_copy_is_near_and_another_patient_is_far(chest: Chest) -> None:
    mark = fingerprint(shrink(chest(0)))
    assert distance(mark, fingerprint(shrink(chest(0, side=400)))) < 40
    assert distance(mark, fingerprint(shrink(chest(1)))) > 104


def test_a_flat_film_has_no_fingerprint() -> None:
    assert fingerprint(np.full((64, 64), 3.0, np.float32)) is None
