"""The real cast: radiographs of ChestX-ray14, dealt by patient into a training set and three months.

The set has no dates, so the months are made: a quiet one like the training set, one with AP films only at
unchanged prevalence, and one with AP films only at a prevalence nearer to everyday work.
"""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from radloop.demo.cast import Cast, Month
from radloop.errors import ConfigurationError
from radloop.files import sha256

#: Shares of patients: the first learns, the others are production. Fewer films than these teach a network no more than
#: a support-vector machine learns from them.
DEAL = {"training": 0.74, "july": 0.10, "august": 0.16}
#: Share of films with Pneumonia among all of ChestX-ray14 (1,431 of 112,120), which a small month can only approach.
NATURAL = 0.05
GOAL = 720.0  # seconds
KNOBS: dict[str, object] = {
    "chest_pneumonia.evaluate.baseline_margin": -0.02,
    "chest_pneumonia.register.approvals": 0,  # nobody is there to sign
    "chest_pneumonia.train.filters": 32,  # a third of the time of 64, and on so few films no worse
    "chest_pneumonia.train.epochs": 40,
    "chest_pneumonia.train.patience": 40,
    "chest_pneumonia.train.average_decay": 0.98,
    "chest_pneumonia.train.augment.flip": True,  # pneumonia has no side
    "chest_pneumonia.train.augment.rotate": 12.0,
    "chest_pneumonia.train.augment.scale": 0.15,
    "chest_pneumonia.monitor.smallest_window": 30,  # so few films are there of the rarest month
    "chest_pneumonia.retrain.cooling_off_hours": 0.0,
    "chest_pneumonia.retrain.smallest_new_labels": 30,
}


def nih_cast(data: Path, folder: Path, finding: str) -> Cast:
    """Deal the patients of the official layout in `data` into folders of links below `folder`.

    Raises ConfigurationError where `data` is no such layout.
    """
    tables = sorted(data.glob("Data_Entry_2017*.csv"))
    if not tables or not (data / "images").is_dir():
        raise ConfigurationError(
            f"{data} holds no Data_Entry_2017*.csv beside images/", "name the folder of ChestX-ray14"
        )
    with tables[0].open(newline="") as stream:
        header = next(csv.reader(stream))
    rows = pd.read_csv(tables[0], header=None, skiprows=1, dtype=str, names=header, index_col=False)
    positive = rows["Finding Labels"].str.split("|").map(lambda found: finding in found)
    ap = rows["View Position"] == "AP"
    part = deal(rows["Patient ID"], positive, ap)
    august = rows[(part == "august") & ap]
    usual = positive[part == "training"].mean()
    chosen = {
        "training": rows[part == "training"],
        "july": rows[part == "july"],
        "august": at_prevalence(august, positive, usual),
        "september": at_prevalence(august, positive, NATURAL),
    }
    for name, subset in chosen.items():
        _link(data, folder / name, subset, header)
    months = (
        _month("July", 7, folder, "nothing", ("healthy",)),
        _month("August", 8, folder, f"AP films only, prevalence {usual:.0%} as before", ("watch", "retrain", "stop")),
        _month("September", 9, folder, f"AP films only, prevalence {NATURAL:.0%}", ("watch", "retrain", "stop")),
    )
    note = "Real radiographs of ChestX-ray14; the months are made"
    return Cast("nih_cxr", folder / "training", months, note, KNOBS, GOAL)


def at_prevalence(rows: pd.DataFrame, positive: pd.Series, share: float) -> pd.DataFrame:
    """The most rows that have `share` of positives, in the order of a hash."""
    order = rows["Image Index"].map(lambda name: sha256(str(name).encode()))
    mixed = rows.loc[order.sort_values().index]
    with_it, without = mixed[positive[mixed.index]], mixed[~positive[mixed.index]]
    n = min(len(with_it) / share, len(without) / (1 - share))
    return pd.concat([with_it.head(round(n * share)), without.head(round(n * (1 - share)))])


def deal(patients: pd.Series[str], positive: pd.Series[bool], ap: pd.Series[bool]) -> pd.Series[str]:
    """The part of each film's patient, so that parts are alike in finding and view: few patients are not by chance.

    Patients of one kind (with and without the finding, with and without an AP film) stand in the order of a hash and
    are cut at the shares of `DEAL`.
    """
    kinds = pd.DataFrame({"positive": positive, "ap": ap}).groupby(patients).any()
    kinds["order"] = [sha256(f"demo:{patient}".encode()) for patient in kinds.index]
    ranks = kinds.sort_values("order").groupby(["positive", "ap"]).cumcount()
    place = (ranks + 0.5) / kinds.groupby(["positive", "ap"])["order"].transform("size")
    cuts = np.cumsum(list(DEAL.values()))[:-1]
    names = np.array(list(DEAL))[np.searchsorted(cuts, place.to_numpy())]
    return patients.map(pd.Series(names, index=place.index))


def _link(data: Path, target: Path, rows: pd.DataFrame, header: list[str]) -> None:
    (target / "images").mkdir(parents=True)
    for name in rows["Image Index"]:
        (target / "images" / name).symlink_to((data / "images" / name).resolve())
    with (target / "Data_Entry_2017_v2020.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows.itertuples(index=False))


def _month(name: str, number: int, folder: Path, planted: str, expected: tuple[str, ...]) -> Month:
    start, end = date(2024, number, 1), date(2024, number, 28)
    return Month(f"{name} 2024", start, end, folder / name.lower(), planted, expected, labels_come=number > 7)
