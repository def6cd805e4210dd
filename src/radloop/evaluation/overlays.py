"""Masks drawn on their images: where people would rather look than read.

matplotlib is imported in the functions, and its pyplot never: that keeps global state and needs a display.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from radloop.evaluation.figures import BLUE, GREY, ORANGE, STYLE
from radloop.evaluation.overlap import OVERLAP_TITLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours of structures, in order: told apart by all common kinds of colour blindness (Okabe and Ito 2008).
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2")
#: Percentiles of an image that become black and white.
WINDOW = (1.0, 99.0)
#: Pictures in a row.
ACROSS = 4


@dataclass(frozen=True, eq=False)
class Shown:
    """One case to look at: `image` float [i, j, k], `truth` and `answer` with the numbers of structures, on one grid.

    Axes run to the patient's left, back and head, `spacing` in mm along them.
    """

    title: str
    image: np.ndarray
    truth: np.ndarray
    answer: np.ndarray
    spacing: tuple[float, ...]


def montage_figure(cases: Sequence[Shown], names: Sequence[str], title: str) -> Figure:
    """One axial slice of each case, that with most of the true mask: truth as dashed, the answer as full outlines.

    As in radiology, the patient's left is on the right and the front above.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    down = -(-len(cases) // ACROSS)
    with matplotlib.rc_context(STYLE):
        below = ConstrainedLayoutEngine(rect=(0, 0.06, 1, 0.94))  # room for the legend
        figure = Figure(figsize=(2.6 * ACROSS, 2.75 * down + 0.7), layout=below)
        panels = figure.subplots(down, ACROSS, squeeze=False).ravel()
        for axes in panels:
            axes.set_axis_off()
        for axes, case in zip(panels, cases, strict=False):
            _draw(axes, case, len(names))
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11)
        figure.legend(handles=_legend(names), loc="lower center", ncols=len(names) + 2, bbox_to_anchor=(0.5, -0.01))
    return figure


def fullest_slice(mask: np.ndarray) -> int:
    """The slice along k that shows most of a mask, the middle one of an empty one."""
    areas = (mask > 0).sum(axis=(0, 1))
    return int(areas.argmax()) if areas.any() else mask.shape[2] // 2


def _draw(axes: Axes, case: Shown, structures: int) -> None:
    at = fullest_slice(case.truth if case.truth.any() else case.answer)
    low, high = np.percentile(case.image, WINDOW)
    picture = case.image[:, :, at].T.astype(np.float32)
    aspect = case.spacing[1] / case.spacing[0]
    axes.imshow(picture, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), aspect=aspect, interpolation="nearest")
    for number in range(1, structures + 1):
        colour = COLOURS[(number - 1) % len(COLOURS)]
        for mask, style, width in ((case.truth, "--", 1.1), (case.answer, "-", 1.5)):
            inside: np.ndarray = np.where(number == mask[:, :, at].T, 1.0, 0.0)
            if inside.any():
                axes.contour(inside, levels=[0.5], colors=[colour], linestyles=[style], linewidths=[width])
    axes.set_title(case.title, fontsize=8.5, fontweight="normal", loc="center")


def _legend(names: Sequence[str]) -> list[object]:
    from matplotlib.lines import Line2D

    structures = [Line2D([], [], color=COLOURS[at % len(COLOURS)], lw=2, label=name) for at, name in enumerate(names)]
    kinds = [
        Line2D([], [], color=GREY, lw=1.5, ls=style, label=label) for style, label in (("--", "truth"), ("-", "answer"))
    ]
    return [*structures, *kinds]


def spread_figure(table: pd.DataFrame, measure: str = "dice") -> Figure:
    """Every case of every structure as a point, with median and quartiles: a mean hides the cases that failed."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        structures = list(dict.fromkeys(table["structure"]))
        figure = Figure(figsize=(4.6, 4.4), layout="constrained")
        axes = figure.subplots()
        scatter = np.random.default_rng(0)
        for at, name in enumerate(structures):
            values = table[table["structure"] == name][measure].dropna().to_numpy(dtype=float)
            axes.plot(at + scatter.uniform(-0.16, 0.16, len(values)), values, "o", color=BLUE, alpha=0.45, ms=4)
            if len(values):
                low, middle, high = np.percentile(values, (25, 50, 75))
                axes.plot([at, at], [low, high], color=ORANGE, lw=3)
                axes.plot(at, middle, "s", color=ORANGE, ms=7)
        axes.set_xticks(range(len(structures)), structures)
        axes.set(
            xlim=(-0.6, len(structures) - 0.4), ylabel=OVERLAP_TITLES[measure], title="Every case (median, quartiles)"
        )
        axes.grid(axis="x", visible=False)
    return figure


def volume_figure(table: pd.DataFrame) -> Figure:
    """Difference of volumes against the true one, with the limits of agreement (Bland and Altman 1986)."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.6, 4.4), layout="constrained")
        axes = figure.subplots()
        for at, (name, rows) in enumerate(table.groupby("structure", sort=False)):
            axes.plot(rows["volume_ml"], rows["volume_error_ml"], "o", ms=4, alpha=0.6, label=str(name),
                      color=COLOURS[at % len(COLOURS)])  # fmt: skip
        error = table["volume_error_ml"].to_numpy(dtype=float)
        middle, reach = error.mean(), 1.96 * error.std(ddof=1) if len(error) > 1 else 0.0
        axes.axhline(middle, color=GREY, lw=1.2)
        for limit in (middle - reach, middle + reach):
            axes.axhline(limit, color=GREY, lw=1, ls="--")
        axes.set(
            xlabel="True volume (ml)", ylabel="Predicted less true (ml)", title="Volumes (95 % limits of agreement)"
        )
        axes.legend()
    return figure
