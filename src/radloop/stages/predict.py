"""Predict: the held-out films through the bundle's own engine, so that what is judged is what is served."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from radloop.bundle import Bundle, Scores, load_bundle
from radloop.files import replacing, sha256
from radloop.modeling.prepared import open_prepared
from radloop.params import Classification, Paths
from radloop.records import SHARED_COLUMNS, STATISTICS, Prediction, schema_of

HELD_OUT = ("validation", "test")
SCHEMA = pa.schema([*schema_of(Prediction), pa.field("split", pa.string()), pa.field("label", pa.bool_())])


def run(case: Classification, paths: Paths) -> None:
    """Score the validation and test films of one use case.

    Writes predictions.parquet: the columns of `Prediction`, `split`, and `label`, missing where nobody has looked.
    Raises ConfigurationError where the bundle is not whole.
    """
    bundle = load_bundle(paths.stage(case.name, "package") / "bundle")
    images, index = open_prepared(paths.stage(case.name, "prepare"))
    films = index[index["split"].isin(HELD_OUT)].reset_index(drop=True)
    scores, seconds = score(bundle, images, films["row"].to_numpy(), case.predict.batch_size)
    table = table_of(films, bundle, scores, 1000.0 * seconds / max(1, len(films)))
    with replacing(paths.stage(case.name, "predict")) as folder:
        pq.write_table(table, folder / "predictions.parquet")


def score(bundle: Bundle, images: np.ndarray, rows: np.ndarray, batch_size: int) -> tuple[Scores, float]:
    """Answers of the bundle to the images at `rows`, and the seconds that they took."""
    began = time.perf_counter()
    parts = [bundle.predict(images[rows[i : i + batch_size]]) for i in range(0, len(rows), batch_size)]
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("logit", "score", "decision", "embedding")
    }
    return Scores(**joined), time.perf_counter() - began


def table_of(films: pd.DataFrame, bundle: Bundle, scores: Scores, latency_ms: float) -> pa.Table:
    """Predictions of held-out films, one row each; ids depend on bundle and record only."""
    now = datetime.now(UTC)
    asked: dict[str, Any] = {
        "prediction_id": [sha256(f"{bundle.hash}:{record}".encode())[:32] for record in films["record_id"]],
        "predicted_at": now, "received_on": _days(films["acquired_on"], now.date()),
        "use_case": bundle.use_case, "model_version": "unregistered", "bundle": bundle.hash,
        "threshold": bundle.threshold, "latency_ms": latency_ms, "channel": "predict",
        "logit": scores.logit.astype(float), "score": scores.score, "decision": scores.decision,
        "embedding": list(scores.embedding), "input_sha256": films["sha256"],
    }  # fmt: skip
    repeated = films[[*SHARED_COLUMNS, *STATISTICS, "split", "label"]]
    return pa.Table.from_pandas(repeated.assign(**asked), schema=SCHEMA, preserve_index=False)


def _days(acquired_on: pd.Series, today: date) -> list[date]:
    return [day if isinstance(day, date) and not pd.isna(day) else today for day in acquired_on]
