"""What a step did to images, for eyes: before, after, and what was taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radloop.errors import ConfigurationError

#: Inches of one picture, and dots per inch.
TILE, DPI = 2.4, 110


@dataclass(frozen=True)
class Change:
    """One image before and after a step, [h, w] or [i, j, k] of which the middle slice is shown; `title` names both."""

    title: str
    before: np.ndarray
    after: np.ndarray


def draw_changes(changes: Sequence[Change], path: Path) -> Path:
    """A montage, one row per change: before, after, after minus before; written as PNG, equal bytes for equal images.

    Both images share one window, percentiles of the first, so that none looks better by its window; the difference
    has a scale of its own around 0, told beside it. Raises ConfigurationError for nothing to draw, other shapes and
    values that are no number.
    """
    if not changes:
        raise ConfigurationError("no change to draw.", "give at least one image before and after")
    import matplotlib
    from matplotlib.figure import Figure

    from radloop.evaluation.figures import STYLE

    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(3 * TILE + 0.8, (TILE + 0.3) * len(changes)), layout="constrained")
        rows = np.atleast_2d(figure.subplots(len(changes), 3))
        for change, panels in zip(changes, rows, strict=True):
            before, after = _plane(change, change.before), _plane(change, change.after)
            low, high = np.percentile(before, (0.5, 99.5))
            for axes, image in zip(panels[:2], (before, after), strict=True):
                axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            taken = after - before
            reach = float(np.quantile(np.abs(taken), 0.998)) or 1.0
            shown = panels[2].imshow(taken, cmap="gray", vmin=-reach, vmax=reach, interpolation="nearest")
            figure.colorbar(shown, ax=panels[2], shrink=0.8, format="%.3g")
            for axes, name in zip(panels, (change.title, "after", "after - before"), strict=True):
                axes.set_title(name, fontsize=9)
                axes.set_axis_off()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
    return path


def _plane(change: Change, image: np.ndarray) -> np.ndarray:
    if image.shape != change.before.shape or image.ndim not in (2, 3) or not image.size:
        raise ConfigurationError(f"{change.title!r} changed its shape or has not 2 or 3 axes.", "give the same image")
    if not np.isfinite(image).all():
        raise ConfigurationError(f"a value of {change.title!r} is no number.", "give the image as it was read")
    plane = np.asarray(image, np.float64)
    return plane if plane.ndim == 2 else plane[:, :, plane.shape[2] // 2].T
