"""The labels that come in late: in the demonstration, read again from the studies that were scored."""

from __future__ import annotations

from datetime import UTC, datetime

from radloop.demo.cast import Cast, Month
from radloop.dicom.pseudonyms import open_pseudonyms
from radloop.predictions import PredictionLog
from radloop.records import Arrival, Label
from radloop.settings import Settings
from radloop.sources import open_source


def labels_of(month: Month, cast: Cast, log: PredictionLog, settings: Settings, use_case: str) -> list[Label]:
    """What the month's studies turned out to show, by prediction, as a reporting system would send it."""
    source = open_source(cast.source, month.folder, open_pseudonyms(settings))
    known = {a.record.sha256: a.record.findings for a in source if isinstance(a, Arrival)}
    rows = log.read(use_case, month.start, month.end)
    now = datetime.now(UTC)
    pairs = zip(rows["prediction_id"], rows["input_sha256"], strict=True)
    found = ((prediction, known.get(digest)) for prediction, digest in pairs)
    return [
        Label(prediction, findings, now, "simulated reading") for prediction, findings in found if findings is not None
    ]
