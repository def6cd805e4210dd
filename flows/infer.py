"""Score a folder of studies into the prediction log, by the same code that answers live ones."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import date
from pathlib import Path

from prefect import flow

from flows.steps import outside, show
from radloop.predictions import PredictionLog
from radloop.progress import progress_bar
from radloop.registry import Registry
from radloop.running import run_here
from radloop.serving.infer import InferReport
from radloop.settings import load_settings


@outside
def score(use_case: str, source: str, folder: str, received_on: date | None) -> InferReport:
    """Ask the champion about every study of the folder."""
    from radloop.dicom.pseudonyms import open_pseudonyms
    from radloop.serving.champions import champion
    from radloop.serving.infer import score_source
    from radloop.sources import open_source

    settings = load_settings()
    served = champion(Registry(settings), use_case)
    studies = open_source(source, Path(folder), open_pseudonyms(settings))
    log = PredictionLog(settings.log)
    with closing(log), progress_bar("scoring studies", len(studies)) as advance:
        return score_source(studies, served, log, settings, received_on, advance)


@outside
def seal() -> int:
    """Seal finished journals into Parquet segments, each hash in the ledger."""
    from radloop.ledger import Ledger

    settings = load_settings()
    ledger = Ledger(settings.ledger)
    return len(PredictionLog(settings.log).seal(lambda segment: ledger.write("segment", segment.body())))


@flow(name="infer", persist_result=False)
def infer(
    use_case: str = "chest_pneumonia",
    folder: str = "incoming",
    source: str = "dicom_folder",
    received_on: date | None = None,
) -> InferReport:
    """From a folder to predictions.

    A study counts under `received_on`, else under its own day, else under today. Raises ConfigurationError for an
    empty folder and GateClosed where there is no champion.
    """
    report = score(use_case, source, folder, received_on)
    seal()
    show("infer", f"**{use_case}**: {report.scored} scored, {report.already} before, {report.rejected.total()} refused")
    return report


if __name__ == "__main__":
    run_here(infer, sys.argv[1:])
