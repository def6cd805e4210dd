"""One study's walk from bytes to an answer, the same for the live service and for a folder."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from radloop.bounds import MIB, bounded, decoding
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.files import sha256
from radloop.imaging.pixels import read_pixels
from radloop.imaging.preprocess import Preprocess, preprocess
from radloop.imaging.statistics import image_statistics
from radloop.records import SHARED_COLUMNS, Arrival, Prediction, Record
from radloop.sources import read_instance

if TYPE_CHECKING:
    from radloop.bundle import Bundle

_VALUE = 4  # bytes of a display value


@dataclass(frozen=True)
class Served:
    """A bundle under the name and version by which the registry knows it."""

    use_case: str
    version: str
    bundle: Bundle


@dataclass(frozen=True)
class Study:
    """One image on its way: de-identified, prepared (uint8 [size, size]), described."""

    arrival: Arrival
    image: np.ndarray
    statistics: dict[str, float | None]
    began: float  # time.perf_counter() when its bytes were in hand


@dataclass(frozen=True)
class Occasion:
    """How a question came: by which channel, and on which day the monitor counts it (default: see `day_of`)."""

    channel: str
    received_on: date | None = None


class Asked(Protocol):
    """What reading needs to know of a bundle: the bundle itself, or its intake where there is no engine."""

    @property
    def preprocess(self) -> Preprocess: ...

    def accepts(self, record: Record) -> None: ...


def read_study(content: bytes, asked: Asked, pseudonyms: Pseudonyms, source: str = "serve") -> Study:
    """Take one file as it came to what the network is given.

    Raises StudyRejected where it cannot be read or is nothing that the bundle may be asked about.
    """
    began = time.perf_counter()
    return prepare_study(read_instance(content, pseudonyms, source), asked, began)


def prepare_study(arrival: Arrival, asked: Asked, began: float) -> Study:
    """Prepare an arrival with the bundle's own preprocess; the stage `prepare` does the same to the same bytes.

    Raises StudyRejected for what the bundle does not accept.
    """
    record = arrival.record
    asked.accepts(record)
    with bounded(decoding(record.rows * record.columns * _VALUE / MIB)):
        pixels = read_pixels(arrival.content, record.content_type)
        image = preprocess(pixels, asked.preprocess)
        return Study(arrival, image, _described(record, pixels, image), began)


def _described(record: Record, pixels: np.ndarray, image: np.ndarray) -> dict[str, float | None]:
    return image_statistics(pixels, image, record.bits_stored, record.pixel_spacing)


def answer(studies: Sequence[Study], served: Served, occasion: Occasion) -> list[Prediction]:
    """Ask the bundle about `studies` in one batch and write down who said what of which bytes, when."""
    if not studies:
        return []
    scores = served.bundle.predict(np.stack([study.image for study in studies]))
    now, ended = datetime.now(UTC), time.perf_counter()
    return [
        Prediction(
            prediction_id=prediction_id(study.arrival.record, served.bundle.hash, occasion),
            predicted_at=now,
            received_on=day_of(study.arrival, occasion, now.date()),
            use_case=served.use_case,
            model_version=served.version,
            bundle=served.bundle.hash,
            input_sha256=study.arrival.record.sha256,
            logit=float(scores.logit[row]),
            score=float(scores.score[row]),
            threshold=float(served.bundle.threshold),
            decision=bool(scores.decision[row]),
            latency_ms=round(1000 * (ended - study.began), 3),
            channel=occasion.channel,
            embedding=[float(value) for value in scores.embedding[row]],
            **_repeated(study),
        )
        for row, study in enumerate(studies)
    ]


def prediction_id(record: Record, bundle_hash: str, occasion: Occasion) -> str:
    """A new id for each live answer; for a folder the same one whenever the same bytes are asked again."""
    if occasion.channel != "infer":
        return uuid.uuid4().hex
    day = occasion.received_on or record.acquired_on or "no day"
    return sha256(f"{bundle_hash}:{record.sha256}:{occasion.channel}:{day}".encode())[:32]


def day_of(arrival: Arrival, occasion: Occasion, today: date) -> date:
    """The day under which the monitor counts an answer.

    A live one counts today; a folder's on the day that the caller names, else on the study's own true day, which
    the arrival still knows, else today.
    """
    if occasion.received_on is not None:
        return occasion.received_on
    own = arrival.day if occasion.channel == "infer" else None
    return own or today


def _repeated(study: Study) -> dict[str, Any]:
    """All but the day of acquisition: beside the true day of receipt, a shifted date would tell the shift."""
    record = replace(study.arrival.record, acquired_on=None)
    return {name: getattr(record, name) for name in SHARED_COLUMNS} | study.statistics
