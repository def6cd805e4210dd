"""Invented predictions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from radloop.records import Prediction

MakePrediction = Callable[..., Prediction]


def make(number: int = 0, **changes: object) -> Prediction:
    """Prediction `number` of a quiet January; `changes` overrides its fields."""
    day = changes.get("received_on", date(2026, 1, 1))
    assert isinstance(day, date)
    fields: dict[str, object] = {
        "prediction_id": f"p{number:06d}",
        "predicted_at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
        "received_on": day,
        "use_case": "chest_pneumonia",
        "model_version": "1",
        "bundle": "b" * 64,
        "input_sha256": f"{number:064x}",
        "record_id": f"r{number}",
        "patient_id": f"patient{number}",
        "study_id": f"study{number}",
        "logit": 0.1 * number,
        "score": 0.123456789012345 + 1e-9 * number,
        "threshold": 0.4,
        "decision": number % 2 == 0,
        "latency_ms": 12.5,
        "channel": "serve",
        "sex": "F",
        "age": 61.0,
        "manufacturer": "Vendör A",
        "rows": 512,
        "columns": 400,
        "acquired_on": date(2025, 12, 31),
        "embedding": [0.25, -1.5],
    }
    return Prediction(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
def prediction() -> MakePrediction:
    """A maker of predictions."""
    return make
