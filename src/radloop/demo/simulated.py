"""The simulated cast: half a year of a hospital, a quiet month, and one with a new vendor and older patients."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from radloop.demo.cast import Cast, Month
from radloop.progress import progress_bar
from radloop.simulate.hospital import simulate
from radloop.simulate.knobs import Hospital
from radloop.simulate.shifts import shifted

STUDIES, PER_MONTH = 1200, 300
GOAL = 360.0  # seconds
#: Films of 256 pixels hold all that a network of 128 sees, at a quarter of the bytes.
SIDE = 256
#: What the small demonstration changes in params.yaml, and so in every run's commit.
KNOBS: dict[str, object] = {
    "chest_pneumonia.train.filters": 32,  # a third of the time of 64, and on so few films no worse
    "chest_pneumonia.train.epochs": 12,
    "chest_pneumonia.evaluate.baseline_margin": -0.02,  # 300 test cases cannot carry a margin of 0
    "chest_pneumonia.register.approvals": 0,  # nobody is there to sign
    "chest_pneumonia.retrain.cooling_off_hours": 0.0,
}


def periods(seed: int) -> dict[str, Hospital]:
    """The hospital in its three periods; no patient is in two of them."""
    usual = Hospital(seed=seed, image_size=SIDE)
    quiet = replace(usual, first_patient=1_000_000, first_day=date(2024, 7, 1), last_day=date(2024, 7, 31))
    later = replace(usual, first_patient=2_000_000, first_day=date(2024, 8, 1), last_day=date(2024, 8, 31))
    return {"training": usual, "july": quiet, "august": shifted(later, ["new_vendor", "older_patients"])}


def simulated_cast(folder: Path, seed: int, workers: int) -> Cast:
    """Write the studies of all three periods below `folder`."""
    played = periods(seed)
    for name, hospital in played.items():
        studies = STUDIES if name == "training" else PER_MONTH
        with progress_bar(f"simulating {name}", studies) as advance:
            simulate(hospital, studies, folder / name, workers=workers, progress=advance)
    july, august = played["july"], played["august"]
    planted = f"half of the studies from {august.new_scanner.manufacturer}; patients 17 years older"
    months = (
        Month("July 2024", july.first_day, july.last_day, folder / "july", "nothing", ("healthy",)),
        Month(
            "August 2024", august.first_day, august.last_day, folder / "august", planted,
            ("watch", "retrain", "stop"), labels_come=True,
        ),
    )  # fmt: skip
    return Cast("simulated", folder / "training", months, "SIMULATED patients and images", KNOBS, GOAL)
