"""Validate: which images and masks of the snapshot may teach, which may not and why, and whether that is enough."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from radloop.catalog import read_catalog, read_findings, read_quarantine
from radloop.files import replacing, write_json
from radloop.gate import Gate, write_gate
from radloop.params import Paths, UseCase
from radloop.quality.data_docs import write_data_docs
from radloop.quality.rules import BLANK
from radloop.quality.series import survey_series
from radloop.quality.shortcuts import Probe, shortcut_probe
from radloop.quality.sites import SiteProbe, site_probe
from radloop.quality.survey import survey
from radloop.quality.verdicts import Verdicts, judge_snapshot
from radloop.records import QUALITY, Stored, schema_of
from radloop.settings import load_settings


def run(case: UseCase, paths: Paths) -> None:
    """Judge the images and masks of one use case's snapshot, without ever editing its catalog.

    Films are judged one by one, series of CT, MR and PET as volumes, and masks on the volume that they delineate.

    Writes accepted.parquet and quarantined.parquet (images: Stored columns and `records.QUALITY`, the latter with
    `reasons`), masks.parquet (Stored columns and `reasons`, empty where a mask is accepted), series.parquet (what the
    voxels told), films.parquet (what the pixels told of every image, for split), data_docs/, summary.json and
    gate.json. Raises ConfigurationError where there is no snapshot.
    """
    snapshot, workers = paths.snapshot(case.name), load_settings().workers
    everything = read_catalog(snapshot)
    masked = everything["role"] == "mask"
    catalog, masks = everything[~masked].reset_index(drop=True), everything[masked].reset_index(drop=True)
    films = survey(snapshot, catalog, workers)
    voxels = survey_series(snapshot, everything, case.validate_.modality, workers)
    verdicts = judge_snapshot(case, everything, films, read_quarantine(snapshot), voxels, read_findings(snapshot))
    accepted = catalog[pd.Series([not why for why in verdicts.reasons], dtype=bool)]
    shortcut, sites = shortcut_probe(case, accepted), site_probe(case, accepted)
    with replacing(paths.stage(case.name, "validate")) as folder:
        write_tables(folder, catalog, films, verdicts)
        write_masks(folder / "masks.parquet", masks, verdicts)
        write_films(folder / "films.parquet", catalog, films, verdicts)
        pq.write_table(pa.Table.from_pandas(voxels.series, preserve_index=False), folder / "series.parquet")
        write_data_docs(folder / "data_docs", f"Data Docs: {case.name}", verdicts.judgements, (shortcut, sites))
        write_json(folder / "summary.json", summary(verdicts, shortcut, sites))
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


def write_masks(path: Path, masks: pd.DataFrame, verdicts: Verdicts) -> None:
    """Write every mask of the catalog, unchanged, with the reasons why it is set aside."""
    table = pa.Table.from_pandas(masks, schema=schema_of(Stored), preserve_index=False)
    pq.write_table(table.append_column("reasons", pa.array(verdicts.mask_reasons, type=pa.list_(pa.string()))), path)


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
