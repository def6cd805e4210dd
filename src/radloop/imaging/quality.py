"""How well a film was taken: contrast, exposure, motion, position, collimation and field, one number each.

Noise, sharpness and likeness to a negative are `imaging.statistics`' own; together they are the `image_` columns of
the accepted table and of the prediction log, made by the same functions, so that both can be compared.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from radloop.imaging.inversion import SIDE, frontal_chest
from radloop.imaging.preprocess import inside_collimation

#: Share of a film's range within which a pixel counts as being at its end.
END = 0.01
#: Pixels of the film at 256 that are compared for motion: what it blurs, and what it leaves.
NEAR, FAR = 1, 6
#: Fine detail down the film as a share of that across it, in chests at rest: ribs run across. Of ChestX-ray14.
UPRIGHT = 1.10
#: Degrees and pixels of the 32-pixel film through which a line of symmetry is sought.
ANGLES = np.arange(-16.0, 16.1, 2.0)
SHIFTS = (-2, -1, 0, 1, 2)


def film_quality(film: np.ndarray, thumbnail: np.ndarray, bits_stored: int | None) -> dict[str, float | None]:
    """Describe how one film was taken, from what is seen alone.

    `film`: float32 [h, w] at 256 pixels (`reduce_film`); `thumbnail`: `shrink` of it. `image_exposure` is the median
    and `image_contrast` the distance of the 10th from the 90th percentile inside the collimation, both as shares of
    the stored range, which a percentile window would hide; None where that is unknown. `image_saturated` is the share
    of pixels within 1 % of either end of the film's own range. `image_motion` see `motion`, `image_turned` see
    `turned`, `image_tilt` see `tilt`. `image_collimated` is the share of the frame outside the exposed field, black
    or white.

    Measured by tests/real/test_image_quality.py on ChestX-ray14 (101 films), AUROC of changed against unchanged
    films: motion of 5 pixels of 256 0.93 to 0.95, turns 0.97, contrast down by 40 % 0.93, a gamma of 0.4 in exposure
    0.94, clipping 0.94 and more, borders of 3 % 0.99, tilts of 5, 10 and 14 degrees 0.67, 0.89 and 0.92: a single
    film tells a tilt above 10 degrees only, and a month of films tells less.
    """
    inside = inside_collimation(film)
    ordered = np.sort(inside, axis=None)
    tenth, middle, ninth = (float(ordered[int(share * (ordered.size - 1))]) for share in (0.1, 0.5, 0.9))
    top = 2.0**bits_stored - 1.0 if bits_stored else None
    return {
        "image_contrast": (ninth - tenth) / top if top else None,
        "image_exposure": middle / top if top else None,
        "image_saturated": saturated(film),
        "image_motion": motion(inside),
        "image_turned": turned(thumbnail),
        "image_tilt": tilt(thumbnail),
        "image_collimated": 1.0 - inside.size / film.size,
    }


def saturated(film: np.ndarray) -> float:
    """Share of pixels within 1 % of either end of the film's range; 0 where nothing varies."""
    low, high = float(film.min()), float(film.max())
    margin = END * (high - low)
    if margin == 0:
        return 0.0
    at_ends = np.count_nonzero(film <= low + margin) + np.count_nonzero(film >= high - margin)
    return at_ends / film.size


def motion(film: np.ndarray) -> float:
    """How unequally fine detail survives in crossed directions: 0 where alike, growing with motion blur.

    A patient who moves blurs along one direction. Anatomy has directions too, so each direction's fine differences
    are told as a share of its own coarse ones, which a blur of few pixels leaves; the larger of the two logarithms,
    across against along and diagonal against diagonal, counts.
    """
    if min(film.shape) <= 2 * FAR:
        return 0.0
    across, along = _detail(film, 0, 1), _detail(film, 1, 0) / UPRIGHT
    down, up = _detail(film, 1, 1), _detail(film[::-1], 1, 1)
    return float(max(abs(np.log(across / along)), abs(np.log(down / up))))


def turned(thumbnail: np.ndarray) -> float:
    """Likeness to a film turned by a quarter or half: 0 upright, above 0.5 where a turned chest fits better.

    Half of 1 plus the best correlation with the frontal chest in the three wrong positions minus that in the right
    one; a negative, whose correlations are all of the other sign, is judged by their sizes.
    """
    film = _standard(_small(thumbnail))
    fits = np.array([float(np.mean(film * np.rot90(frontal_chest(), turns))) for turns in range(4)])
    fits *= np.sign(fits[np.argmax(np.abs(fits))]) or 1.0
    return float(np.clip((1.0 + fits[1:].max() - fits[0]) / 2.0, 0.0, 1.0))


def tilt(thumbnail: np.ndarray) -> float:
    """Degrees by which the line of symmetry of a chest leaves the upright, clockwise positive, within 16.

    The film is compared with its mirror image over lines of all angles and places near the middle; the best angle
    is told by a parabola through its neighbours. The heart makes it lean a little on upright films.
    """
    film = _standard(_small(thumbnail)) * _disc()
    mirrored = _mirrors() @ film.ravel()
    fits = (mirrored.reshape(len(ANGLES) * len(SHIFTS), -1) @ film.ravel() / film.size).reshape(len(ANGLES), -1)
    best = fits.max(axis=1)
    at = int(np.argmax(best))
    if not 0 < at < len(ANGLES) - 1:
        return float(ANGLES[at])
    left, middle, right = best[at - 1 : at + 2]
    bend = left - 2 * middle + right
    return float(ANGLES[at] + (0.5 * (left - right) / bend * (ANGLES[1] - ANGLES[0]) if bend < 0 else 0.0))


def _detail(film: np.ndarray, down: int, across: int) -> float:
    """Mean fine difference as a share of the mean coarse one, along one direction."""
    rows, columns = film.shape
    near, far = (
        np.abs(film[: rows - step * down, : columns - step * across] - film[step * down :, step * across :])
        for step in (NEAR, FAR)
    )
    return float(near.mean() + 1e-9) / float(far.mean() + 1e-9)


def _small(thumbnail: np.ndarray) -> np.ndarray:
    width = thumbnail.shape[0] // SIDE
    return np.asarray(thumbnail.reshape(SIDE, width, SIDE, width).mean(axis=(1, 3), dtype=np.float64))


def _standard(film: np.ndarray) -> np.ndarray:
    ordered = np.sort(film, axis=None)
    low, high = ordered[film.size // 50], ordered[film.size - 1 - film.size // 50]
    clipped = np.clip(film, low, high)
    spread = float(clipped.std())
    return np.asarray((clipped - clipped.mean()) / spread) if spread > 0 else np.zeros_like(film)


@cache
def _disc() -> np.ndarray:
    """A round window with soft edges, because the frame itself is upright and would say so."""
    down, across = np.mgrid[0:SIDE, 0:SIDE] - (SIDE - 1) / 2
    return np.asarray(np.clip((SIDE / 2 - np.hypot(down, across)) / 3, 0, 1))


@cache
def _mirrors() -> Any:
    """All reflections of a 32-pixel film as one sparse matrix [angles * shifts * 1024, 1024]."""
    from scipy.sparse import vstack

    return vstack([_mirror(np.deg2rad(angle), shift) for angle in ANGLES for shift in SHIFTS], format="csr")


def _mirror(angle: float, shift: float) -> Any:
    from scipy.sparse import csr_matrix

    centre = (SIDE - 1) / 2
    down, across = np.mgrid[0:SIDE, 0:SIDE].reshape(2, -1) - centre
    normal = np.cos(angle), np.sin(angle)  # across and down, of a line that leans clockwise by `angle`
    away = across * normal[0] + down * normal[1] - shift
    at_down, at_across = (down - 2 * away * normal[1] + centre, across - 2 * away * normal[0] + centre)
    rows, columns, values = [], [], []
    for step_down in (0, 1):
        for step_across in (0, 1):
            row, column = np.floor(at_down) + step_down, np.floor(at_across) + step_across
            weight = (1 - np.abs(at_down - row)) * (1 - np.abs(at_across - column))
            seen = (row >= 0) & (row < SIDE) & (column >= 0) & (column < SIDE) & (weight > 0)
            rows.append(np.flatnonzero(seen))
            columns.append((row * SIDE + column)[seen].astype(np.int64))
            values.append(weight[seen])
    shape = (SIDE**2, SIDE**2)
    return csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=shape)
