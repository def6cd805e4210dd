"""Numbers that tell a film that shows nothing, or shows it wrongly, from one that can be read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radloop.imaging.inversion import inverted_score

#: Share of a film's range within which a pixel counts as being at its end.
END = 0.01
#: Share of structure below which a film is noise, and a negative of noise is noise.
NOISE = 0.1


@dataclass(frozen=True)
class PixelMeasures:
    """What one film's pixels say of themselves; None where nothing varies, so that one fault has one reason.

    `contrast`: standard deviation of the thumbnail in 8-bit grey levels of the stored depth.
    `structure`: share of the pixels' variance that is not noise, near 0 for noise alone.
    `saturated`: share of pixels within 1 % of either end of the range. `inverted`: see `imaging.inversion`.
    """

    decoded_rows: int
    decoded_columns: int
    contrast: float
    structure: float | None = None
    saturated: float | None = None
    inverted: float | None = None


def measure_pixels(pixels: np.ndarray, bits_stored: int, thumbnail: np.ndarray) -> PixelMeasures:
    """Measure one film, so that rules can refuse what would teach nothing or teach wrongly.

    `pixels`: [H, W] display values, dense tissue bright; `thumbnail`: `imaging.resample.shrink(pixels)`.
    """
    rows, columns = pixels.shape
    low, high = float(pixels.min()), float(pixels.max())
    contrast = float(thumbnail.std()) * 255.0 / (2.0**bits_stored - 1.0)
    if high == low:
        return PixelMeasures(rows, columns, contrast)
    margin = END * (high - low)
    at_ends = np.count_nonzero(pixels <= low + margin) + np.count_nonzero(pixels >= high - margin)
    structure = structure_share(pixels, thumbnail)
    inverted = inverted_score(thumbnail) if structure >= NOISE else None
    return PixelMeasures(rows, columns, contrast, structure, at_ends / pixels.size, inverted)


def structure_share(pixels: np.ndarray, thumbnail: np.ndarray) -> float:
    """Share of the pixels' variance that is coarser than the thumbnail's cells, from about 0 (noise) to 1.

    What white noise alone would leave in a thumbnail of this film's size is taken off, so that films of all
    sizes share one bound.
    """
    kept = float(thumbnail.var() / pixels.var(dtype=np.float64))
    by_noise = min(0.5, thumbnail.size / pixels.size)
    return (kept - by_noise) / (1.0 - by_noise)
