"""The one door to noise removal: what it does to an image is told by its settings alone, in training and in serving."""

from __future__ import annotations

import numpy as np

from radloop.errors import ConfigurationError, StudyRejected
from radloop.imaging.artefacts import remove_grid_lines, remove_rings
from radloop.imaging.bias_field import correct_bias_field
from radloop.imaging.nonlocal_means import non_local_means
from radloop.sections.noise import Denoise


def apply(image: np.ndarray, spacing: tuple[float, ...], settings: Denoise) -> np.ndarray:
    """Take grid lines, rings, noise and the bias field out of one image, in this order, as far as `settings` ask.

    Stripes and rings go first, for a search for likeness would keep them; noise goes before the bias field, for
    dividing by a field makes noise uneven. Equal image, spacing and settings give equal bytes, whatever the number
    of threads. `image`: [h, w] or [i, j, k], axial slices along k, any real type; `spacing`: mm along each axis.
    Returns float32 of the same shape in the image's unit, or the image itself where nothing is asked for.
    Raises StudyRejected for other shapes and for values that are no number, ConfigurationError for a method that
    does not fit the axes and for weights that are missing or others than declared.
    """
    if not asked(settings):
        return image
    _check(image, spacing, settings)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # looks libraries up: not at import

    with threadpool_limits(1):
        found = np.ascontiguousarray(image, np.float32)
        if settings.grid_lines == "notch":
            found = remove_grid_lines(found, settings.artefact_above)
        if settings.rings == "polar_median":
            found = _without_rings(found, settings.artefact_above)
        if settings.noise == "non_local_means":
            found = non_local_means(found, spacing, settings.non_local_means)
        if settings.noise == "learned":
            from radloop.imaging.learned import denoise_learned  # torch is slow to import

            found = denoise_learned(found, settings.weights, settings.sha256)
        if settings.bias_field == "histogram_sharpening":
            found = correct_bias_field(found, spacing, settings.bias)
    return found


def asked(settings: Denoise) -> bool:
    """Whether `settings` ask for anything at all."""
    return any(step != "none" for step in (settings.grid_lines, settings.rings, settings.noise, settings.bias_field))


def _without_rings(image: np.ndarray, above: float) -> np.ndarray:
    if image.ndim == 2:
        return remove_rings(image, above)
    slices = [remove_rings(image[..., k], above) for k in range(image.shape[2])]
    return np.ascontiguousarray(np.stack(slices, axis=2))


def _check(image: np.ndarray, spacing: tuple[float, ...], settings: Denoise) -> None:
    if image.ndim not in (2, 3) or not image.size:
        raise StudyRejected("image_size", f"an image of shape {image.shape} has not 2 or 3 axes.", "send one image")
    if len(spacing) != image.ndim or not all(0 < length < np.inf for length in spacing):
        raise StudyRejected(
            "no_geometry", f"{len(spacing)} spacings do not fit {image.ndim} axes.", "give mm above 0 along each axis"
        )
    if not np.isfinite(image).all():
        raise StudyRejected("not_a_number", "a value of the image is no number.", "export the image again")
    if settings.grid_lines != "none" and image.ndim != 2:
        raise ConfigurationError("grid_lines: notch is for radiographs, not for volumes.", "set grid_lines: none")
