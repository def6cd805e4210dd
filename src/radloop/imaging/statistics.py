"""Numbers that describe a film, comparable between detectors, so that a drift of images can be seen."""

from __future__ import annotations

import numpy as np

from radloop.imaging.inversion import inverted_score
from radloop.imaging.preprocess import window_of
from radloop.imaging.quality import film_quality
from radloop.imaging.resample import reduce_film, shrink
from radloop.records import QUALITY, STATISTICS

#: Percentiles of the window in which statistics are told; fixed, so that bundles compare with each other.
WINDOW = (1.0, 99.0)


def image_statistics(
    pixels: np.ndarray, prepared: np.ndarray, bits_stored: int | None = None, pixel_spacing: float | None = None
) -> dict[str, float | None]:
    """Describe one film, so that its distribution over a month can be compared with the reference.

    `image_mean`, `image_std` (of 1 = white) and `image_entropy` (bits) describe `prepared`, uint8
    [size, size], which is what the model saw; the others are `film_statistics`. Returns the keys of
    `records.STATISTICS`.
    """
    seen = prepared.astype(np.float32) / np.float32(255.0)
    shown = {
        "image_mean": _told(seen.mean()),
        "image_std": _told(seen.std()),
        "image_entropy": _told(entropy(prepared)),
    }
    found = shown | film_statistics(pixels, bits_stored, pixel_spacing)
    return {name: found[name] for name in STATISTICS}


def film_statistics(
    pixels: np.ndarray, bits_stored: int | None = None, pixel_spacing: float | None = None
) -> dict[str, float | None]:
    """Describe one film by itself, so that the catalog and the prediction log hold the same columns.

    `image_p01` and `image_p99` (window units), `image_sharpness` (root-mean-square gradient per pixel) and
    `image_noise` (standard deviation after Immerkær, Computer Vision and Image Understanding 64, 1996, with a median
    in place of the mean) describe the film at 256 pixels. `image_inverted` (0 a film, 1 a negative) is
    `inversion.inverted_score` of its thumbnail, the same number as validation's. The rest is `quality.film_quality`,
    and `image_field`, the height of the frame in mm. Returns the keys of `records.QUALITY`; contrast and exposure are
    None without `bits_stored`, the field without `pixel_spacing` (mm), all others finite.
    """
    film = reduce_film(pixels)
    thumbnail = shrink(film)
    scaled = window_of(film, *WINDOW).apply(film)
    low, high = np.sort(scaled, axis=None)[[scaled.size // 100, scaled.size - 1 - scaled.size // 100]]
    found: dict[str, float | None] = {
        "image_p01": low, "image_p99": high, "image_sharpness": sharpness(scaled), "image_noise": noise(scaled),
        "image_inverted": inverted_score(thumbnail), **film_quality(film, thumbnail, bits_stored),
        "image_field": None if pixel_spacing is None else pixels.shape[0] * pixel_spacing,
    }  # fmt: skip
    return {name: _told(found[name]) for name in QUALITY}


def _told(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 6)


def entropy(image: np.ndarray) -> float:
    """Shannon entropy of the grey levels of a uint8 image, in bits."""
    share = np.bincount(image.ravel(), minlength=256) / image.size
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


def sharpness(film: np.ndarray) -> float:
    """Root-mean-square gradient of a float film, in window units per pixel; falls with blur."""
    if min(film.shape) < 2:
        return 0.0
    down, across = np.diff(film, axis=0), np.diff(film, axis=1)
    return float(np.sqrt(np.mean(down * down) + np.mean(across * across)))


def noise(film: np.ndarray) -> float:
    """Standard deviation of pixel noise in window units, from a mask that is blind to edges and slopes."""
    if min(film.shape) < 3:
        return 0.0
    rows = film[:-2] - 2.0 * film[1:-1] + film[2:]
    mask = rows[:, :-2] - 2.0 * rows[:, 1:-1] + rows[:, 2:]
    middle = np.sort(np.abs(mask), axis=None)[mask.size // 2]
    return float(middle / (0.6745 * 6.0))  # the mask's weights have norm 6; 0.6745 is the normal's upper quartile
