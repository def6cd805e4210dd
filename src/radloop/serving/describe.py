"""What the service says about itself: its OpenAPI text and the facts of the model."""

from __future__ import annotations

from typing import Any

from radloop.serving.follow import State
from radloop.serving.reader import Served

DESCRIPTION = (
    "Asks the champion model about one image. Every answer is written to the prediction log before it is given. "
    "Identity is removed on arrival; nothing that names a patient is kept, logged or answered."
)

_FILE = {"schema": {"type": "string", "format": "binary"}}
_FORM = {
    "schema": {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary"}},
        "required": ["file"],
    }
}
_ANSWER = {
    "prediction_id": {"type": "string"},
    "probability": {"type": "number", "minimum": 0, "maximum": 1},
    "decision": {"type": "boolean"},
    "threshold": {"type": "number"},
    "finding": {"type": "string"},
    "model_version": {"type": "string"},
    "bundle": {"type": "string"},
    "latency_ms": {"type": "number"},
    "message": {"type": "string"},
}
_REFUSAL = {name: {"type": "string"} for name in ("family", "reason", "message", "next_step")}


def _reply(description: str, properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


#: Keyword arguments of the route /predict that FastAPI cannot derive from a raw body.
PREDICT: dict[str, Any] = {
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {"application/dicom": _FILE, "image/png": _FILE, "multipart/form-data": _FORM},
        }
    },
    "responses": {
        200: _reply("The answer, already journalled.", _ANSWER),
        401: _reply("A bearer token is set and the request has another one or none.", _REFUSAL),
        413: _reply("The body is too large.", _REFUSAL),
        422: _reply("The study cannot be read, or is nothing that this model may be asked about.", _REFUSAL),
        503: _reply("There is no champion, or the answer cannot be written down.", _REFUSAL),
    },
}


def health_facts(state: State, use_case: str, installation: str) -> dict[str, Any]:
    """What GET /healthz returns; `installation` is its mark, by which a deployment knows its own service."""
    served = state.served
    return {
        "status": state.status,
        "ready": served is not None,
        "use_case": use_case,
        "installation": installation,
        "version": served.version if served else None,
        "bundle": served.bundle.hash if served else None,
        "trouble": state.trouble,
    }


def model_facts(served: Served) -> dict[str, Any]:
    """What GET /model returns."""
    bundle = served.bundle
    return {
        "use_case": served.use_case,
        "version": served.version,
        "bundle": bundle.hash,
        "engine": bundle.runtime,
        "finding": bundle.finding,
        "threshold": bundle.threshold,
        "temperature": bundle.temperature,
        "preprocess": bundle.preprocess.to_json(),
        "manifest": bundle.manifest,
    }
