"""Split: who teaches, who is asked on the way and who is asked at the end; the same for ever."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from radloop.files import replacing, write_bytes, write_json
from radloop.gate import Check, Gate, write_gate
from radloop.params import Paths, UseCase
from radloop.quality.balance import Cell, balance, split_sizes
from radloop.quality.balance_picture import balance_png
from radloop.quality.duplicates import Duplicates, find_duplicates
from radloop.quality.groups import EXCLUDED, SPLITS, Dealt, deal
from radloop.quality.leakage import shared_between_splits
from radloop.quality.sides import side_checks

COLUMNS = ["record_id", "patient_id", "group_id", "split"]


def run(case: UseCase, paths: Paths) -> None:
    """Deal the patients of one use case into train, validation and test, by patient, by site or by time.

    Every film of the snapshot, accepted or not, takes part in finding who belongs together, so that a verdict that
    changes later moves nobody; accepted films are dealt. Writes split.parquet (record_id, patient_id, group_id and
    split: train, validation, test or excluded), duplicates.json, balance.json, balance.png, summary.json and
    gate.json.
    """
    validated = paths.stage(case.name, "validate")
    films = in_order_of_arrival(pq.read_table(validated / "films.parquet").to_pandas())
    duplicates = find_duplicates(films, case.split)
    dealt = deal(films, duplicates.links, case.split)
    accepted = pq.read_table(validated / "accepted.parquet").to_pandas()
    table = dealt_table(placed(accepted), dealt, case.task.finding)
    cells = balance(table[table["split"] != EXCLUDED], case.split.largest_imbalance)
    with replacing(paths.stage(case.name, "split")) as folder:
        rows = pa.Table.from_pandas(table[COLUMNS], preserve_index=False)
        pq.write_table(rows, folder / "split.parquet")
        found = duplicates_report(films, duplicates, dealt)
        counts = {name: value if isinstance(value, int) else len(value) for name, value in found.items()}
        write_json(folder / "duplicates.json", found)
        write_json(folder / "summary.json", {"by": case.split.by, **counts, "splits": split_sizes(table)})
        write_balance(folder, case.name, table, cells)
        write_gate(folder / "gate.json", Gate("split", case.name, checks_of(case, table, closing(case, table, cells))))


def in_order_of_arrival(films: pd.DataFrame) -> pd.DataFrame:
    """Films in the order in which the catalog took them, with the `batch` that brought their bytes."""
    return placed(films).sort_values(["batch", "part", "offset"], ignore_index=True)


def placed(films: pd.DataFrame) -> pd.DataFrame:
    """Films with the `batch` that brought their bytes and the `part` of it.

    The catalog's own `batch` grows when a film is labelled anew; the place of its bytes never changes.
    """
    numbers = films["shard"].str.extract(r"^(\d+)-(\d+)").astype(int)
    return films.assign(batch=numbers[0], part=numbers[1])


def dealt_table(accepted: pd.DataFrame, dealt: Dealt, finding: str) -> pd.DataFrame:
    """The accepted films with `group_id`, `split` and `label` (None where nobody looked)."""
    groups = accepted["patient_id"].map(dealt.group_of)
    split = accepted["patient_id"].map(dealt.split_of).mask(accepted["record_id"].isin(dealt.excluded), EXCLUDED)
    label = [None if found is None else finding in found for found in accepted["findings"]]
    return accepted.assign(group_id=groups, split=split, label=pd.Series(label, dtype=object, index=accepted.index))


def duplicates_report(films: pd.DataFrame, duplicates: Duplicates, dealt: Dealt) -> dict[str, Any]:
    """Counts, and each pair by its record ids, so that a person can look at both films."""
    sizes = Counter(dealt.group_of.values())
    names = films["record_id"].to_list()
    return {
        "films": len(films),
        "equal_pixels": [[names[one], names[other]] for one, other in duplicates.equal],
        "near_duplicates": [
            {"films": [names[pair.first], names[pair.second]], "bits": pair.distance, "correlation": pair.correlation}
            for pair in duplicates.near
        ],
        "patients": len(dealt.group_of),
        "groups": len(sizes),
        "patients_joined": sum(size for size in sizes.values() if size > 1),
        "largest_group": max(sizes.values(), default=0),
        "excluded": len(dealt.excluded),
    }


def write_balance(folder: Path, use_case: str, table: pd.DataFrame, cells: list[Cell]) -> None:
    """Write the balance for a program (balance.json) and for a person (balance.png)."""
    write_json(folder / "balance.json", {"splits": split_sizes(table), "cells": [asdict(cell) for cell in cells]})
    write_bytes(folder / "balance.png", balance_png(cells, f"Balance of the splits: {use_case}"))


def closing(case: UseCase, table: pd.DataFrame, cells: list[Cell]) -> list[Cell]:
    """The cells of the balance that may close the gate.

    Other sites and later times are unlike on purpose, so where they are test only train and validation are compared,
    each with both together.
    """
    if case.split.by == "patient":
        return cells
    taught = table[table["split"].isin(["train", "validation"])]
    return [cell for cell in balance(taught, case.split.largest_imbalance) if cell.split != "test"]


def checks_of(case: UseCase, table: pd.DataFrame, cells: list[Cell]) -> tuple[Check, ...]:
    """The gate of a split: nobody and nothing stands twice, every split has both classes, and all are alike."""
    sizes = split_sizes(table)
    kinds = ("positives", "negatives") if case.task.finding else ("images",)
    lacking = [name for name in SPLITS if not all(sizes.get(name, {}).get(kind) for kind in kinds)]
    apart = [f"{cell.variable} {cell.category} in {cell.split}" for cell in cells if not cell.holds]
    pixels = len(shared_between_splits(table, "pixel_sha256"))
    people = len(shared_between_splits(table, "patient_id")) + len(shared_between_splits(table, "group_id"))
    alike = "" if case.split.by == "patient" else f"; test differs on purpose (split.by: {case.split.by})"
    return (
        *side_checks(table, case.split),
        Check("equal_pixels", pixels == 0, pixels, "no film has the pixels of a film in another split"),
        Check("patients_apart", people == 0, people, "no patient and no group stands in two splits"),
        Check(
            "both_classes" if case.task.finding else "no_empty_split", not lacking, lacking or "in every split",
            f"every split has {' and '.join(kinds)}",
        ),
        Check(
            "balance", not apart, apart or "all alike",
            f"no share differs by more than {case.split.largest_imbalance:g} and beyond chance (99 %){alike}",
        ),
    )  # fmt: skip
