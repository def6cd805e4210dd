from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from radloop.evaluation.overlays import Shown, fullest_slice, montage_figure, spread_figure, volume_figure


def shown(seed: int) -> Shown:
    rng = np.random.default_rng(seed)
    truth = np.zeros((24, 30, 10), np.uint8)
    truth[6:16, 8:20, 3:8] = 1
    truth[8:12, 20:26, 4:7] = 2
    return Shown(
        f"case {seed}", rng.normal(size=truth.shape) + truth, truth, np.roll(truth, 1, axis=0), (1.0, 1.0, 2.0)
    )


def test_the_slice_with_most_of_the_mask_is_shown() -> None:
    mask = np.zeros((4, 4, 7), np.uint8)
    mask[0, 0, 2], mask[:2, :2, 5] = 1, 2
    assert fullest_slice(mask) == 5
    assert fullest_slice(np.zeros((4, 4, 7))) == 3


def test_a_montage_draws_truth_and_answer_of_each_structure(tmp_path: Path) -> None:
    figure = montage_figure([shown(seed) for seed in range(5)], ["head", "tail"], "Worst cases")
    drawn = [axes for axes in figure.axes if axes.get_images()]
    assert [axes.get_title() for axes in drawn] == [f"case {seed}" for seed in range(5)]
    assert all(len(axes.collections) == 4 for axes in drawn)
    figure.savefig(tmp_path / "montage.png")
    assert (tmp_path / "montage.png").stat().st_size > 10_000


def test_every_case_is_a_point_of_its_structure() -> None:
    table = pd.DataFrame({"structure": ["head", "tail"] * 6, "dice": np.linspace(0.4, 0.95, 12)})
    axes = spread_figure(table).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["head", "tail"]
    assert sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() == "o") == 12


def test_limits_of_agreement_hold_nearly_all_differences() -> None:
    rng = np.random.default_rng(0)
    error = rng.normal(0.2, 0.1, 200)
    table = pd.DataFrame({"structure": ["head"] * 200, "volume_ml": rng.uniform(1, 3, 200), "volume_error_ml": error})
    levels = sorted(line.get_ydata()[0] for line in volume_figure(table).axes[0].lines if len(line.get_ydata()) == 2)
    assert len(levels) == 3
    assert 0.92 < ((error > levels[0]) & (error < levels[2])).mean() < 0.98
