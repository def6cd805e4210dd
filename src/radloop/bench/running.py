"""The parts of `radloop bench`, by name."""

from __future__ import annotations

import tempfile
from contextlib import chdir
from functools import partial
from pathlib import Path
from typing import Any

from radloop.bench import ratios
from radloop.bench.folds import out_of_fold
from radloop.bench.jobs import KNOBS, SIDE, STUDIES, time_jobs
from radloop.bench.report import keep, show_jobs, show_ratios, show_table
from radloop.bench.setting import Setting
from radloop.settings import Settings
from radloop.simulate.knobs import Hospital
from radloop.stages import run_stage


def bench_jobs(settings: Settings, use_case: str) -> None:
    """Time and memory of every job, then the ratios, on the same films."""
    with tempfile.TemporaryDirectory(prefix="radloop-bench-") as folder:
        setting = Setting(Path(folder), settings, KNOBS)
        keep(settings.root / "bench", "jobs", show_jobs(time_jobs(setting, use_case)))
        ways = (ratios.time_prepare, ratios.time_serving, ratios.time_training)
        measured = (
            way()
            for way in (partial(ratios.time_deidentification, setting), *(partial(w, setting, use_case) for w in ways))
        )
        keep(settings.root / "bench", "ratios", show_ratios(measured))


def bench_folds(settings: Settings, use_case: str, data: Path | None, knobs: dict[str, Any]) -> None:
    """Out-of-fold comparison on ChestX-ray14 in `data`, or on a simulated hospital of 1,200 studies."""
    with tempfile.TemporaryDirectory(prefix="radloop-bench-") as folder:
        setting = Setting(Path(folder), settings, knobs)
        if data is None:
            films = setting.incoming(Hospital(image_size=SIDE), 2 * STUDIES, "training")
            setting.admit(use_case, "simulated", films)
        else:
            setting.admit(use_case, "nih_cxr", data)
        with chdir(setting.folder):
            for verb in ("validate", "split", "prepare"):
                run_stage(verb, use_case)
        rows: list[dict[str, Any]] = out_of_fold(setting, use_case).to_dict("records")  # type: ignore[assignment]
        show_table(f"{use_case}: 5-fold out-of-fold AUROC", rows)
        keep(settings.root / "bench", "folds", rows)
