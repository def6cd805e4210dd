"""Over many seeds: how often the gate passes, the quiet month is healthy, the shifted one is not, the vendor named."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from monitoring.looks import look
from monitoring.windows import Window
from radloop.bench.report import keep, show_table
from radloop.bench.seeds import Hospitalised, play
from radloop.demo.simulated import periods
from radloop.params import Params
from radloop.records import Verdict
from radloop.settings import Settings


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


def watch_seeds(settings: Settings, use_case: str, seeds: Iterator[int] | range) -> Iterator[Seen]:
    """Play each seed in a folder of its own and look at both months; no seed is chosen for its result."""
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix=f"radloop-seed-{seed}-") as folder:
            yield judge(play(Path(folder), settings, seed, use_case), settings, use_case)


def judge(played: Hospitalised, settings: Settings, use_case: str) -> Seen:
    """The two looks at one seed's months."""
    case, hospitals = Params.load(settings.project).use_case(use_case), periods(played.seed)
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


def bench_seeds(settings: Settings, use_case: str, seeds: range) -> None:
    """Print and keep what each seed showed, as soon as it did, and the counts."""
    rows = []
    for seen in watch_seeds(settings, use_case, seeds):
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
