"""Features selected and classified in nested cross-validation, beside a plain regression and a random forest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from radloop.errors import ConfigurationError
from radloop.evaluation.comparison import out_of_fold_comparison
from radloop.intervals import Interval
from radloop.progress import progress_bar
from radloop.radiomics.classifiers import classifiers, forest, logistic, plain, selections
from radloop.radiomics.dealing import deal
from radloop.radiomics.nested import Nesting, OutOfFold, out_of_fold, permuted_auroc
from radloop.radiomics.table import FeatureTable, read_table
from radloop.radiomics.tuning import Tuned

OURS = "selected"
BASELINES = ("plain logistic", "random forest")


@dataclass(frozen=True)
class Judged:
    """One table: a row per scorer, the AUROC on permuted labels, and what was chosen how often."""

    table: str
    rows: pd.DataFrame
    permuted: Interval
    chosen: Mapping[str, int]


def models(seed: int = 0) -> dict[str, Tuned]:
    """Ours and both baselines; the regression's penalty is tuned by the same inner folds."""
    return {
        OURS: Tuned(selections(seed), classifiers(seed), seed=seed),
        BASELINES[0]: Tuned({"plain": plain()}, {"logistic": logistic()}, seed=seed),
        BASELINES[1]: Tuned({"plain": plain()}, {"forest": forest(seed)}, seed=seed),
    }


def tables_of(folder: Path) -> list[FeatureTable]:
    """Every table of the folder, by name; raises ConfigurationError where there is none, and as `read_table` does."""
    paths = sorted([*folder.glob("*.csv.gz"), *folder.glob("*.csv")])
    if not paths:
        raise ConfigurationError(f"no .csv or .csv.gz in {folder.name}/", "give the folder of radMLBench's tables")
    return [read_table(path) for path in paths]


def judge_tables(tables: list[FeatureTable], nesting: Nesting, shuffles: int) -> Iterator[Judged]:
    """Each table judged as soon as it is done, on one thread; `shuffles` times on permuted labels.

    Raises ConfigurationError as `deal` does, before any table is judged.
    """
    for table in tables:
        deal(table.labels, table.patients, nesting.folds, nesting.seed)
    total = len(tables) * nesting.folds * (nesting.repeats + shuffles)
    with threadpool_limits(1), progress_bar("outer folds", total) as done:
        for table in tables:
            yield judge_table(table, nesting, shuffles, done)


def judge_table(
    table: FeatureTable, nesting: Nesting, shuffles: int, done: Callable[[int], None] = lambda more: None
) -> Judged:
    """All models on the same folds, then ours on permuted labels. Raises ConfigurationError as `deal` does."""
    asked = models(nesting.seed)
    found = out_of_fold(table, asked, nesting, done)
    rows = _compared(table, found)
    permuted = permuted_auroc(table, asked[OURS], Nesting(nesting.folds, shuffles, nesting.seed), done)
    return Judged(table.name, rows, permuted, found.chosen)


def rows_of(judged: Judged) -> list[dict[str, Any]]:
    """A row per scorer, for a person and for the file."""
    rows = judged.rows.astype(object)
    told: list[dict[str, Any]] = rows.where(rows.notna(), None).to_dict("records")  # type: ignore[assignment]
    return told


def facts_of(judged: Judged) -> dict[str, Any]:
    """What holds for a table as a whole: AUROC on permuted labels, and how often which pipeline was best."""
    seen = judged.permuted
    return {
        "table": judged.table, "permuted": seen.value, "permuted_low": seen.low, "permuted_high": seen.high,
        "best": dict(judged.chosen),
    }  # fmt: skip


def over_tables(judged: list[Judged]) -> list[dict[str, Any]]:
    """For each scorer the mean AUROC over tables, and the mean gain of ours with its interval at 95 %.

    Each table counts once, whatever its size; their errors are independent, so half widths add as squares.
    """
    rows = pd.concat([one.rows for one in judged])
    told = []
    for scorer, group in rows.groupby("scorer", sort=False):
        gain = float(group["difference"].astype(float).mean())
        wide = (group["difference_high"] - group["difference_low"]).astype(float).to_numpy()
        reach = float(np.sqrt((wide**2).sum())) / 2 / len(group)
        told.append({
            "scorer": scorer, "tables": len(group), "mean_auroc": float(group["auroc"].mean()),
            "one_model": float(group["one_model"].mean()),
            "difference": None if scorer == OURS else gain,
            "difference_low": None if scorer == OURS else gain - reach,
            "difference_high": None if scorer == OURS else gain + reach,
        })  # fmt: skip
    return told


def _compared(table: FeatureTable, found: OutOfFold) -> pd.DataFrame:
    """`out_of_fold_comparison` of ours with all others; `one_model` is the mean AUROC of single repeats."""
    scores = {name: found.score(name) for name in found.ranks}
    rows = out_of_fold_comparison(table.labels, table.patients, scores, comparison_level=0.95)
    rows["one_model"] = [found.mean_auroc(name, table.labels) for name in rows["scorer"]]
    rows.insert(0, "table", table.name)
    return rows
