"""Pictures of outcome are drawn, the same each time, and hold what they must."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from radloop.evaluation.outcome.figures import draw_calibration, draw_hazard_ratios, draw_survival
from radloop.evaluation.outcome.groups import calibration
from radloop.modeling.outcome.cox import fit_cox
from radloop.modeling.outcome.knobs import Cox
from radloop.modeling.outcome.survival import Survival
from radloop.simulate.knobs import Hospital
from radloop.simulate.outcomes import KnownHazard, event_times, outcome_features


@pytest.fixture(scope="module")
def cohort() -> tuple[pd.DataFrame, Survival]:
    """Two hundred patients of the simulated hospital."""
    features = outcome_features(Hospital(), 200)
    told = event_times(features, KnownHazard(), 5)
    return features, Survival.of(told["time"], told["event"])


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were saved, to be asked what stands in them."""
    kept: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (kept.append(self), save(self, *a, **k))[1])
    return kept


def words(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def twice(draw: Callable[[Path], Path], folder: Path) -> None:
    first, second = draw(folder / "a.png").read_bytes(), draw(folder / "b" / "a.png").read_bytes()
    assert first == second and first.startswith(b"\x89PNG")


def test_survival_tells_the_numbers_at_risk(
    cohort: tuple[pd.DataFrame, Survival], drawn: list[Figure], tmp_path: Path
) -> None:
    features, survival = cohort
    group = fit_cox(features, survival, Cox()).groups(features)
    twice(lambda path: draw_survival(survival, group, path), tmp_path)
    upper, lower = drawn[0].axes
    ticks = [tick for tick in lower.get_xticks() if tick <= survival.time.max()]
    wanted = [str(int((survival.time[group == k] >= tick).sum())) for k in range(3) for tick in ticks]
    assert words(drawn[0]) == wanted and len(ticks) >= 4
    assert "log-rank p < 0.001" in upper.get_title(loc="left")
    assert len(upper.get_legend().get_texts()) == 3


def test_a_group_without_an_event_is_drawn_too(tmp_path: Path) -> None:
    survival = Survival.of([1, 2, 3, 4, 5, 6], [0, 0, 0, 1, 1, 0])
    assert draw_survival(survival, np.array([0, 0, 0, 1, 1, 1]), tmp_path / "k.png").exists()
    with pytest.raises(ValueError, match="told apart"):
        draw_survival(Survival.of(np.arange(8.0), np.ones(8)), np.arange(8), tmp_path / "k.png")


def test_calibration_has_a_panel_for_each_horizon(
    cohort: tuple[pd.DataFrame, Survival], drawn: list[Figure], tmp_path: Path
) -> None:
    features, survival = cohort
    alive = KnownHazard().alive(features, [365, 730])
    tables = {day: calibration(survival, alive[:, k], day) for k, day in enumerate((365, 730))}
    twice(lambda path: draw_calibration(tables, path), tmp_path)
    assert [axes.get_title(loc="left") for axes in drawn[0].axes] == ["By 365 days", "By 730 days"]
    late = calibration(survival, alive[:, 0], survival.time.max() + 1)
    draw_calibration({9999: late}, tmp_path / "late.png")
    assert words(drawn[-1]) == [f"{late['observed'].isna().sum()} bins not watched so long"]


def test_hazard_ratios_are_told_in_numbers_with_the_largest_effect_first(
    cohort: tuple[pd.DataFrame, Survival], drawn: list[Figure], tmp_path: Path
) -> None:
    ratios = fit_cox(*cohort, Cox(penalty=0)).hazard_ratios()
    twice(lambda path: draw_hazard_ratios(ratios, path), tmp_path)
    told = words(drawn[0])
    assert len(told) == len(ratios)
    assert told[0].startswith(f"{ratios['ratio'][np.log(ratios['ratio']).abs().idxmax()]:.2f} (")
    draw_hazard_ratios(ratios, tmp_path / "c.png", penalised=True)
    assert "penalty" in drawn[-1].axes[0].get_xlabel()
