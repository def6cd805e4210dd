"""Validate: which rows of the snapshot may teach, which are quarantined and why, and whether that is enough."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from radloop.catalog import read_catalog, read_quarantine
from radloop.files import replacing, write_json
from radloop.gate import Gate, write_gate
from radloop.params import Paths, UseCase
from radloop.quality.data_docs import write_data_docs
from radloop.quality.rules import BLANK
from radloop.quality.shortcuts import Probe, shortcut_probe
from radloop.quality.sites import SiteProbe, site_probe
from radloop.quality.survey import survey
from radloop.quality.verdicts import Verdicts, judge_snapshot
from radloop.records import QUALITY, Stored, schema_of
from radloop.settings import load_settings


def run(case: UseCase, paths: Paths) -> None:
    """Judge the images of one use case's snapshot, without ever editing its catalog.

    Masks are no films: rows whose role is mask are passed over, and only counted, as `masks_skipped` in the summary.

    Writes accepted.parquet and quarantined.parquet (Stored columns and `records.QUALITY`, the latter with
    `reasons`), films.parquet (what the pixels told of every film, for split), data_docs/, summary.json and gate.json.
    Raises ConfigurationError where there is no snapshot.
    """
    snapshot = paths.snapshot(case.name)
    everything = read_catalog(snapshot)
    catalog = everything[everything["role"] != "mask"].reset_index(drop=True)
    films = survey(snapshot, catalog, load_settings().workers)
    verdicts = judge_snapshot(case, catalog, films, read_quarantine(snapshot))
    accepted = catalog[[not why for why in verdicts.reasons]]
    shortcut, sites = shortcut_probe(case, accepted), site_probe(case, accepted)
    with replacing(paths.stage(case.name, "validate")) as folder:
        write_tables(folder, catalog, films, verdicts)
        write_films(folder / "films.parquet", catalog, films, verdicts)
        write_data_docs(folder / "data_docs", f"Data Docs: {case.name}", verdicts.judgements, (shortcut, sites))
        write_json(
            folder / "summary.json",
            {"masks_skipped": len(everything) - len(catalog), **summary(verdicts, shortcut, sites)},
        )
        write_gate(folder / "gate.json", Gate("validate", case.name, verdicts.checks))


def summary(verdicts: Verdicts, shortcut: Probe, sites: SiteProbe) -> dict[str, Any]:
    """What was counted, and what a person is warned of."""
    return {**verdicts.summary, "shortcut": shortcut.to_json(), "sites": sites.to_json()}


def write_tables(folder: Path, catalog: pd.DataFrame, films: pd.DataFrame, verdicts: Verdicts) -> None:
    """Write every image of the catalog, unchanged, with the quality of its image, into one of two tables: none is lost.

    The quality is measured here and not at ingest: the catalog is append-only, so a measure that is mended later
    could not be mended there, while a new judgement of the same snapshot measures all its films alike.
    """
    accepted = pa.array([not why for why in verdicts.reasons], type=pa.bool_())
    table = pa.Table.from_pandas(catalog, schema=schema_of(Stored), preserve_index=False)
    for name in QUALITY:
        table = table.append_column(name, pa.array(films[name].astype(float), type=pa.float64(), from_pandas=True))
    reasons = pa.array(verdicts.reasons, type=pa.list_(pa.string()))
    pq.write_table(table.filter(accepted), folder / "accepted.parquet")
    refused = table.append_column("reasons", reasons).filter(pa.compute.invert(accepted))
    pq.write_table(refused, folder / "quarantined.parquet")


def write_films(path: Path, catalog: pd.DataFrame, films: pd.DataFrame, verdicts: Verdicts) -> None:
    """Write what the pixels told of every film, accepted or not.

    Split links patients by likeness over all films, so that a verdict that changes later moves nobody; but blank films
    are all alike, so they get no fingerprint.
    """
    shows = [not set(why) & set(BLANK) for why in verdicts.reasons]
    marks = films[["bits", "thumbnail"]].where(pd.Series(shows, index=films.index), None)
    places = catalog[["patient_id", "pixel_sha256", "site", "shard", "offset"]]
    pq.write_table(
        pa.Table.from_pandas(films.assign(**marks, **places, shows=shows), preserve_index=False), path
    )  # fmt: skip
