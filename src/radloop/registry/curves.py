"""The curves of a training, sent from metrics.jsonl to MLflow so that no step is there twice."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radloop.registry.names import CURVES

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

Row = dict[str, Any]

#: MLflow's own limit of metrics in one call.
BATCH = 1000

#: A step is in MLflow when this curve has it: a batch is written as a whole.
WITNESS = "train_loss"


def read_rows(path: Path) -> list[Row]:
    """The whole lines of a metrics.jsonl, each step once; a missing file has none and half a line is not read."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return []
    rows = (json.loads(line) for line in text.split("\n")[:-1] if line)
    return list({int(row["step"]): row for row in rows}.values())


def sent_steps(client: MlflowClient, run_id: str) -> dict[int, float]:
    """Steps of a run that MLflow has already, each with its training loss."""
    return {metric.step: metric.value for metric in client.get_metric_history(run_id, CURVES[WITNESS])}


def continues(rows: list[Row], sent: dict[int, float]) -> bool:
    """True where `rows` are the same training as what was sent: equal losses at the steps that both have."""
    known = {int(row["step"]): float(row[WITNESS]) for row in rows if WITNESS in row}
    shared = known.keys() & sent.keys()
    return all(math.isclose(known[step], sent[step], rel_tol=1e-9) for step in shared)


def send_rows(client: MlflowClient, run_id: str, rows: list[Row], sent: set[int]) -> None:
    """Send the rows whose step is not in `sent`, in batches, and add their steps to it."""
    began = client.get_run(run_id).info.start_time
    points: list[tuple[int, list[Metric]]] = []
    seconds = 0.0
    for row in rows:
        seconds += float(row.get("seconds", 0.0))
        if int(row["step"]) not in sent:
            points.append((int(row["step"]), _metrics(row, began + round(seconds * 1000))))
    size = max((len(metrics) for _, metrics in points), default=1)
    for start in range(0, len(points), per := max(1, BATCH // max(size, 1))):
        part = points[start : start + per]
        client.log_batch(run_id, metrics=[metric for _, metrics in part for metric in metrics])
        sent.update(step for step, _ in part)


def _metrics(row: Row, timestamp: int) -> list[Metric]:
    from mlflow.entities import Metric

    return [
        Metric(CURVES[key], float(value), timestamp, int(row["step"]))
        for key, value in row.items()
        if key in CURVES and value is not None
    ]
