"""Intensities to grey levels from 1, by a fixed number or a fixed size of bins.

Source: IBSI-1 reference manual, section 2.7.
"""

from __future__ import annotations

import numpy as np

from radloop.errors import ConfigurationError
from radloop.radiomics.knobs import RoiSettings


def fixed_number(values: np.ndarray, bins: int) -> np.ndarray:
    """Levels int32 [n] of `values` [n]: `bins` of equal size from least to largest; equal values are all level 1."""
    least, largest = values.min(), values.max()
    if least == largest:
        return np.ones(values.shape, np.int32)
    levels = np.floor(bins * (values - least) / (largest - least)).astype(np.int32) + 1
    return np.asarray(np.minimum(levels, bins))


def fixed_size(values: np.ndarray, width: float, origin: float) -> np.ndarray:
    """Levels int32 [n] of `values` [n]: bins of `width` from `origin`, below which nothing may lie.

    Raises ConfigurationError where something does.
    """
    least = float(values.min())
    if least < origin:
        raise ConfigurationError(
            f"bins begin at {origin:g}, above an intensity of {least:g}.", "re-segment to a range, or lower the origin"
        )
    return np.floor((values - origin) / width).astype(np.int32) + 1


def grey_levels(values: np.ndarray, settings: RoiSettings) -> np.ndarray:
    """Levels int32 [n] of the region's `values` [n], for histogram and texture.

    Raises ConfigurationError where there are more levels than `largest_levels`: matrices grow with their square.
    """
    knobs = settings.discretise
    if knobs.how == "fbn":
        levels = fixed_number(values, knobs.bins)
    else:
        levels = fixed_size(values, knobs.width, _origin(values, settings))
    if levels.max() > settings.largest_levels:
        raise ConfigurationError(
            f"a bin width of {knobs.width:g} makes {levels.max()} levels, more than {settings.largest_levels}.",
            "widen the bins",
        )
    return levels


def _origin(values: np.ndarray, settings: RoiSettings) -> float:
    if settings.discretise.origin is not None:
        return settings.discretise.origin
    return settings.resegment.range[0] if settings.resegment.range else float(values.min())
