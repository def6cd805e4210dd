"""The pictures of an evaluation: legible in print, by colour-blind readers, and without a legend hunt.

matplotlib is imported in the functions, and its pyplot never: that keeps global state and needs a display.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from radloop.evaluation.assessment import Assessment
from radloop.evaluation.names import ATTRIBUTE_TITLES, SUBGROUP_MEASURES, TITLES
from radloop.evaluation.weighted import true_positive_rates
from radloop.intervals import Floats, bootstrap_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008: told apart by all common kinds of colour blindness
BLUE, ORANGE, GREEN, GREY, BLACK = "#0072B2", "#D55E00", "#009E73", "#8A8A8A", "#222222"

STYLE: Any = {
    "font.family": "DejaVu Sans", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False,
    "axes.edgecolor": "#666666", "axes.labelcolor": BLACK, "axes.titlesize": 11, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "axes.grid": True, "grid.color": "#E6E6E6", "grid.linewidth": 0.8,
    "axes.axisbelow": True, "xtick.color": "#444444", "ytick.color": "#444444", "legend.frameon": False,
    "legend.fontsize": 9, "lines.linewidth": 2, "svg.hashsalt": "radloop",
}  # fmt: skip

#: Replicates of the band of the ROC curve; a picture needs fewer than a number.
BAND_REPLICATES = 500


def draw_all(found: Assessment, folder: Path) -> list[Path]:
    """Draw every figure that the cases allow into `folder` as PNG; returns their paths in reading order."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, Callable[[Assessment], Figure]] = {"scores": scores_figure}
    if found.cases["label"].nunique() == 2:
        pictures = {"roc": roc_figure, "precision_recall": precision_recall_figure,
                    "reliability": reliability_figure, **pictures}  # fmt: skip
    if len(found.subgroups):
        pictures["subgroups"] = subgroups_figure
    return [_save(draw, found, folder / f"{name}.png") for name, draw in pictures.items()]


def roc_figure(found: Assessment) -> Figure:
    """ROC curve with its pointwise patient-bootstrap band, the point of decision, and chance."""
    label, score, patients = _arrays(found)
    section, grid = found.case.evaluate, np.linspace(0, 1, 201)
    statistic = true_positive_rates(label, score, grid)
    drawn = bootstrap_values(statistic, patients, BAND_REPLICATES, section.seed)
    tail = (1 - section.confidence) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail], axis=0)
    false_rate, true_rate = _roc_points(label, score)
    with _square("False positive rate (1 - specificity)", "True positive rate (sensitivity)") as (figure, axes):
        axes.fill_between(grid, low, high, color=BLUE, alpha=0.18, linewidth=0,
                          label=f"{section.confidence:.0%} band, pointwise")  # fmt: skip
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
        axes.plot(false_rate, true_rate, color=BLUE, label=f"AUROC {found.measures['auroc']}")
        axes.plot(*_operating_point(found), "o", color=ORANGE, markersize=8, label="at the threshold", zorder=5)
        axes.legend(loc="lower right")
        axes.set_title("ROC curve")
    return figure


def precision_recall_figure(found: Assessment) -> Figure:
    """Precision against recall, with the prevalence that a coin would reach."""
    label, score, _ = _arrays(found)
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), score.size - 1)
    caught = np.cumsum(label[order])[last]
    precision, recall = caught / (last + 1), caught / label.sum()
    with _square("Recall (sensitivity)", "Precision (positive predictive value)") as (figure, axes):
        axes.step(np.append(0, recall), np.append(precision[0], precision), where="pre", color=BLUE,
                  label=f"AUPRC {found.measures['auprc']}")  # fmt: skip
        axes.axhline(found.prevalence, color=GREY, linewidth=1, linestyle="--",
                     label=f"prevalence {found.prevalence:.2f}")  # fmt: skip
        axes.legend(loc="lower left")
        axes.set_title("Precision and recall")
    return figure


def reliability_figure(found: Assessment) -> Figure:
    """Observed against predicted share in bins of equally many cases."""
    curve = pd.DataFrame(found.curve)
    reach = [curve["observed"] - curve["low"], curve["high"] - curve["observed"]]
    with _square("Predicted probability", "Observed share of positives") as (figure, axes):
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="perfectly calibrated")
        axes.errorbar(curve["predicted"], curve["observed"], yerr=np.array(reach).clip(min=0), fmt="o-", color=BLUE,
                      ecolor=BLUE, elinewidth=1.2, capsize=2, linewidth=1.2,
                      label=f"error {found.measures['calibration_error']}")  # fmt: skip
        axes.legend(loc="upper left")
        axes.set_title("Calibration")
    return figure


def scores_figure(found: Assessment) -> Figure:
    """How the scores of both classes are spread, and where the threshold cuts them."""
    label, score, _ = _arrays(found)
    with _panel(4.6, 4.4) as (figure, axes):
        edges = np.linspace(0, 1, 26).tolist()
        for chosen, colour, name in ((label == 0, BLUE, "without"), (label == 1, ORANGE, "with")):
            axes.hist(score[chosen], bins=edges, color=colour, alpha=0.35)
            axes.hist(score[chosen], bins=edges, color=colour, histtype="step", linewidth=1.8,
                      label=f"{name} the finding (n {int(chosen.sum())})")  # fmt: skip
        if found.facts.get("threshold") is not None:
            axes.axvline(found.facts["threshold"], color=BLACK, linewidth=1, linestyle=":", label="threshold")
        axes.set(xlim=(0, 1), xlabel="Predicted probability", ylabel="Images", title="Scores by label")
        axes.legend(loc="upper center", frameon=True, framealpha=0.9, edgecolor="none")
    return figure


def subgroups_figure(found: Assessment) -> Figure:
    """Forest plot: every group with interval against the figure of all, "too few" where there is none."""
    table = found.subgroups.reset_index(drop=True)
    places, headings = _rows_of(table)
    with _panels(9.6, 1.1 + 0.26 * (max(places) + 1), len(SUBGROUP_MEASURES)) as (figure, panels):
        for axes, measure in zip(panels, SUBGROUP_MEASURES, strict=True):
            _forest(axes, table, measure, places)
            whole = found.measures[measure].value
            if whole is not None:
                axes.axvline(whole, color=GREY, linewidth=1, linestyle="--")
            axes.set_title(TITLES[measure], loc="center")
        names = [f"{row.group}  (n {row.n})" for row in table.itertuples()]
        panels[0].set_yticks([*places, *headings], [*names, *(ATTRIBUTE_TITLES[name] for name in headings.values())])
        for tick in panels[0].get_yticklabels()[len(names) :]:
            tick.set_fontweight("bold")
        panels[0].set_ylim(max(places) + 0.7, -0.7)
    return figure


def _rows_of(table: pd.DataFrame) -> tuple[list[int], dict[int, str]]:
    """The line of each group, and of the heading above each attribute."""
    places: list[int] = []
    headings: dict[int, str] = {}
    line, previous = 0, None
    for attribute in table["attribute"]:
        if attribute != previous:
            headings[line] = attribute
            line += 1
            previous = attribute
        places.append(line)
        line += 1
    return places, headings


def _forest(axes: Axes, table: pd.DataFrame, measure: str, places: list[int]) -> None:
    for place, (_, row) in zip(places, table.iterrows(), strict=True):
        if pd.isna(row[f"{measure}_low"]):
            axes.text(0.02, place, row[f"{measure}_note"] or "unknown", color="#777777", fontsize=8, va="center",
                      style="italic", transform=axes.get_yaxis_transform())  # fmt: skip
            continue
        axes.plot([row[f"{measure}_low"], row[f"{measure}_high"]], [place, place], color=BLUE, linewidth=1.6)
        axes.plot(row[measure], place, "s", color=BLUE, markersize=5)
    lowest = table[f"{measure}_low"].astype(float).min()
    left = 0.0 if np.isnan(lowest) else max(0.0, np.floor(lowest * 10 - 1) / 10)
    axes.set_xlim(left, 1.0 + 0.02 * (1 - left))
    axes.grid(axis="y", visible=False)


def _arrays(found: Assessment) -> tuple[Floats, Floats, pd.Series]:
    cases = found.cases
    return cases["label"].to_numpy(dtype=float), cases["score"].to_numpy(dtype=float), cases["patient_id"]


def _roc_points(label: Floats, score: Floats) -> tuple[Floats, Floats]:
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), score.size - 1)
    caught, alarmed = np.cumsum(label[order])[last], np.cumsum(1 - label[order])[last]
    return np.append(0, alarmed / alarmed[-1]), np.append(0, caught / caught[-1])


def _operating_point(found: Assessment) -> tuple[list[float], list[float]]:
    table = found.confusion
    negatives = table["false_positives"] + table["true_negatives"]
    positives = table["true_positives"] + table["false_negatives"]
    return [table["false_positives"] / negatives], [table["true_positives"] / positives]


def _save(draw: Callable[[Assessment], Figure], found: Assessment, path: Path) -> Path:
    draw(found).savefig(path, dpi=130, metadata={"Software": None})
    return path


@contextmanager
def _panels(width: float, height: float, count: int) -> Iterator[tuple[Figure, list[Axes]]]:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, list(np.atleast_1d(figure.subplots(1, count, sharey=True)))


@contextmanager
def _panel(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    with _panels(width, height, 1) as (figure, panels):
        yield figure, panels[0]


@contextmanager
def _square(x: str, y: str) -> Iterator[tuple[Figure, Axes]]:
    with _panel(4.6, 4.4) as (figure, axes):
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x, ylabel=y)
        yield figure, axes
