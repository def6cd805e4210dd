"""Over many seeds: how often the gate passes, the quiet month is healthy, the shifted one is not, the vendor named.

And the job that `radloop bench` times of monitoring: `python -m monitoring.bench USE_CASE`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from monitoring.looks import look, monitor
from monitoring.windows import Window
from radloop.bench.clock import Job
from radloop.bench.report import keep, show_table
from radloop.bench.seeds import DEMONSTRATION, Hospitalised, play
from radloop.bench.setting import Setting, Size
from radloop.demo.simulated import periods
from radloop.params import Params
from radloop.predictions import PredictionLog
from radloop.records import Verdict
from radloop.settings import Settings, load_settings


def monitor_job(use_case: str) -> Job:
    """One look with all its pages, at the month that the job before it has scored."""
    return Job("monitor", "a month against its reference, with all pages", ("monitoring.bench", use_case))


def watch_month(setting: Setting, use_case: str) -> None:
    """Look at the month that lies in the prediction log of a bench's folder, and write the pages."""
    case, july = setting.case(use_case), periods(0)["july"]
    window = Window(july.first_day, july.last_day, "July 2024")
    reference = pd.read_parquet(setting.paths.stage(use_case, "reference") / "reference.parquet")
    log = PredictionLog(setting.settings.log)
    rows = log.read_labelled(use_case, window.start, window.end, case.task.finding, "1")
    monitor(case, window, rows, reference, setting.settings.reports / use_case, {"model_version": f"{use_case}/1"})


@dataclass(frozen=True)
class Seen:
    """One seed: the gate, both verdicts, whether the planted vendor was named, and the rows of each month."""

    seed: int
    auroc: float
    gate: bool
    failed: str
    quiet: Verdict
    shifted: Verdict
    named: bool
    rows: tuple[int, int]
    sentence: str


def watch_seeds(
    settings: Settings, use_case: str, seeds: Iterator[int] | range, size: Size = DEMONSTRATION
) -> Iterator[Seen]:
    """Play each seed in a folder of its own and look at both months; no seed is chosen for its result."""
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix=f"radloop-seed-{seed}-") as folder:
            yield judge(play(Path(folder), settings, seed, use_case, size), settings, use_case)


def judge(played: Hospitalised, settings: Settings, use_case: str) -> Seen:
    """The two looks at one seed's months."""
    case, hospitals = Params.load(settings.project).classification(use_case), periods(played.seed)
    looks = {}
    for name, frame in played.months.items():
        window = Window(hospitals[name].first_day, hospitals[name].last_day, name)
        looks[name] = look(case, window, frame, played.reference, {})
    vendor = hospitals["august"].new_scanner.manufacturer
    told = looks["august"].sentence + " ".join(str(cause.to_json()) for cause in looks["august"].causes)
    return Seen(
        played.seed, played.auroc, played.gate.open, ", ".join(check.name for check in played.gate.failed),
        looks["july"].verdict, looks["august"].verdict, vendor in told,
        (len(played.months["july"]), len(played.months["august"])), looks["august"].sentence,
    )  # fmt: skip


def bench_seeds(settings: Settings, use_case: str, seeds: range, size: Size = DEMONSTRATION) -> None:
    """Print and keep what each seed showed, as soon as it did, and the counts."""
    rows = []
    for seen in watch_seeds(settings, use_case, seeds, size):
        rows.append({**asdict(seen), "quiet": str(seen.quiet), "shifted": str(seen.shifted)})
        print({key: value for key, value in rows[-1].items() if key != "sentence"}, flush=True)
    counts = {
        "seeds": len(rows),
        "gate open": sum(row["gate"] for row in rows),
        "quiet healthy": sum(row["quiet"] == "healthy" for row in rows),
        "shifted not healthy": sum(row["shifted"] != "healthy" for row in rows),
        "vendor named": sum(row["named"] for row in rows),
    }
    show_table(f"{use_case} over {len(rows)} seeds", [counts])
    keep(settings.root / "bench", "seeds", rows)


if __name__ == "__main__":
    watch_month(Setting(Path.cwd(), load_settings()), sys.argv[1])
