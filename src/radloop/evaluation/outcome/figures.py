"""The pictures of outcome: survival by risk group with the numbers at risk, calibration, hazard ratios.

In the house's style; matplotlib is imported in the functions, for it takes a while.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from radloop.evaluation.figures import BLACK, BLUE, GREEN, GREY, ORANGE, STYLE
from radloop.evaluation.outcome.groups import Curve, kaplan_meier, log_rank
from radloop.intervals import Codes
from radloop.modeling.outcome.survival import Survival

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# from low risk to high; after the third, more of Okabe and Ito's
COLOURS = (BLUE, GREEN, ORANGE, "#CC79A7", "#56B4E9", "#E69F00")
NAMES = {2: ("low risk", "high risk"), 3: ("low risk", "middle risk", "high risk")}
_HALF = 4.6  # inches: as wide as the other pictures of an evaluation


def draw_survival(survival: Survival, group: Codes, path: Path, names: Sequence[str] = (), level: float = 0.95) -> Path:
    """Write Kaplan and Meier's curves by risk group [n] from 0, with bands, censoring, log-rank and numbers at risk.

    Raises ValueError as `log_rank` does, and for more groups than there are colours.
    """
    present = np.unique(group)
    if present.size > len(COLOURS):
        raise ValueError(f"{present.size} groups are more than the {len(COLOURS)} that can be told apart")
    titles = names or NAMES.get(int(present.max()) + 1) or [f"group {k + 1}" for k in range(int(present.max()) + 1)]
    tested = log_rank(survival, group)
    told = "p < 0.001" if tested.p_value < 0.001 else f"p = {tested.p_value:.3f}"
    with _figure(6.2, 3.9 + 0.26 * present.size) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.4, 0.26 * present.size + 0.12])
        upper.set(ylim=(0, 1.02), ylabel="Share without the event", xlim=(0, float(survival.time.max()) * 1.01))
        upper.set_title(f"Survival by risk group (log-rank {told})")
        for k in present:
            part = survival.part(group == k)
            _steps(upper, kaplan_meier(part, level), part, COLOURS[k], f"{titles[k]} (events {part.events})")
        upper.legend(loc="best", title=f"{level:.0%} bands, pointwise", title_fontsize=8)
        _numbers_at_risk(lower, [survival.part(group == k) for k in present], [titles[k] for k in present], present)
    return _save(figure, path)


def draw_calibration(tables: Mapping[float, pd.DataFrame], path: Path, level: float = 0.95) -> Path:
    """Write predicted against observed shares with the event, a panel for each horizon in days.

    `tables` are those of `calibration` at `level`.
    """
    with _figure(0.5 + 3.7 * len(tables), _HALF - 0.2) as figure:
        panels = np.atleast_1d(figure.subplots(1, len(tables), sharey=True))
        for axes, (day, table) in zip(panels, tables.items(), strict=True):
            seen = table[table["observed"].notna()]
            reach = np.array([seen["observed"] - seen["low"], seen["high"] - seen["observed"]]).clip(min=0)
            axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="perfectly calibrated")
            axes.errorbar(seen["predicted"], seen["observed"], yerr=reach, fmt="o-", color=BLUE, elinewidth=1.2,
                          capsize=2, linewidth=1.2, label=f"Kaplan-Meier, {level:.0%}")  # fmt: skip
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel="Predicted share with the event")
            axes.set_title(f"By {day:g} days")
            axes.set_aspect("equal")
            if missing := len(table) - len(seen):
                axes.text(0.97, 0.03, f"{missing} bins not watched so long", transform=axes.transAxes, ha="right",
                          fontsize=8, color="#777777", style="italic")  # fmt: skip
        panels[0].set_ylabel("Observed share")
        panels[0].legend(loc="upper left")
    return _save(figure, path)


def draw_hazard_ratios(ratios: pd.DataFrame, path: Path, penalised: bool = False, level: float = 0.95) -> Path:
    """Write a forest of hazard ratios per standard deviation, from `CoxModel.hazard_ratios`, the largest effect first.

    `penalised` says below that they are drawn to 1; `level` is that of the intervals.
    """
    table = ratios.iloc[np.argsort(-np.abs(np.log(ratios["ratio"])), kind="stable")].reset_index(drop=True)
    places = np.arange(len(table))
    with _figure(6.2, 1.5 + 0.3 * len(table)) as figure:
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.axvline(1, color=GREY, linewidth=1, linestyle="--")
        axes.hlines(places, table["low"], table["high"], color=BLUE, linewidth=1.6)
        axes.plot(table["ratio"], places, "s", color=BLUE, markersize=5)
        for place, row in zip(places, table.itertuples(), strict=True):
            axes.annotate(f"{row.ratio:.2f} ({row.low:.2f} to {row.high:.2f})", (1.02, place), va="center", fontsize=9,
                          xycoords=axes.get_yaxis_transform(), annotation_clip=False)  # fmt: skip
        axes.set_yticks(places, [str(name) for name in table["feature"]])
        axes.set(ylim=(len(table) - 0.4, -0.6), title=f"Hazard ratios with {level:.0%} intervals")
        axes.set_xlabel("Per standard deviation" + (", drawn to 1 by the penalty" if penalised else ""))
        _round_ticks(axes, float(table["low"].min()), float(table["high"].max()))
        axes.grid(axis="y", visible=False)
    return _save(figure, path)


def _steps(axes: Axes, curve: Curve, part: Survival, colour: str, label: str) -> None:
    days, alive = np.append(curve.days, curve.last), np.append(curve.alive, curve.alive[-1])
    low, high = np.append(curve.low, curve.low[-1]), np.append(curve.high, curve.high[-1])
    axes.fill_between(days, low, high, step="post", color=colour, alpha=0.15, linewidth=0)
    axes.step(days, alive, where="post", color=colour, label=label)
    left = np.unique(part.time[~part.event])
    if left.size:
        heights = curve.alive[np.searchsorted(curve.days, left, side="right") - 1]
        axes.plot(left, heights, "|", color=colour, markersize=5, markeredgewidth=0.8, alpha=0.7)


def _numbers_at_risk(axes: Axes, parts: list[Survival], titles: list[str], places: Codes) -> None:
    end = max(float(part.time.max()) for part in parts)
    ticks = [tick for tick in axes.get_xticks() if 0 <= tick <= end]
    for row, (part, place) in enumerate(zip(parts, places, strict=True)):
        for tick in ticks:
            axes.text(tick, row, str(int((part.time >= tick).sum())), ha="center", va="center", fontsize=9,
                      color=COLOURS[place])  # fmt: skip
    axes.set_yticks(range(len(parts)), titles)
    axes.set(ylim=(len(parts) - 0.5, -0.5), xlabel="Days since the study", xticks=ticks)
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_title("At risk", fontsize=9, pad=2)
    axes.tick_params(axis="y", length=0, pad=16)


def _round_ticks(axes: Axes, low: float, high: float) -> None:
    steps = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100])
    low, high = max(min(low / 1.1, 0.8), steps[0]), min(max(high * 1.1, 1.25), steps[-1])
    axes.set_xlim(low, high)
    shown = steps[(steps >= low) & (steps <= high)]
    if shown.size < 3:
        shown = np.array([0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75])
        shown = shown[(shown >= low) & (shown <= high)]
    axes.set_xticks(shown, [f"{tick:g}" for tick in shown])
    axes.minorticks_off()


@contextmanager
def _figure(width: float, height: float) -> Iterator[Figure]:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**STYLE, "text.color": BLACK}):
        yield Figure(figsize=(width, height), layout="constrained")


def _save(figure: Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, metadata={"Software": None})
    return path
