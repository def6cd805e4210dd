"""The nouns: what a catalog row, a prediction and a label are, each with its one Arrow schema.

What is missing is None, never guessed. No field holds a patient's identity: ids are keyed pseudonyms.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from enum import StrEnum
from mmap import mmap
from typing import Any, get_type_hints

import pyarrow as pa


class Verdict(StrEnum):
    """What the monitor says of a window, from best to worst."""

    HEALTHY = "healthy"
    WATCH = "watch"
    RETRAIN = "retrain"
    STOP = "stop"


@dataclass(frozen=True)
class Record:
    """One image of the catalog, or one mask.

    Ids are keyed pseudonyms or re-mapped UIDs; `age` in years; `pixel_spacing` in mm; `kvp` in kV;
    `exposure` in mAs; `findings` is None where nobody looked and empty where nothing was found.
    """

    record_id: str
    patient_id: str
    study_id: str
    instance_uid: str
    source: str
    content_type: str  # application/dicom, image/png or application/nifti
    sha256: str  # of the stored, de-identified bytes
    pixel_sha256: str  # of the decoded pixels with their shape
    rows: int
    columns: int
    bits_stored: int
    photometric_interpretation: str
    modality: str | None = None
    body_part: str | None = None
    view: str | None = None
    sex: str | None = None
    age: float | None = None
    site: str | None = None
    manufacturer: str | None = None
    model_name: str | None = None
    software: str | None = None
    acquired_on: date | None = None
    study_order: int | None = None  # follow-up number, where a source has an order but no dates
    kvp: float | None = None
    exposure: float | None = None
    pixel_spacing: float | None = None
    acquisition_group: str | None = None  # a proxy for the scanner where none is told
    findings: list[str] | None = None
    series_id: str | None = None
    role: str | None = None  # image or mask; None in rows that older versions wrote, which are images
    of: str | None = None  # the record that a mask delineates
    frames: int | None = None  # planes of one object; None where it is a single one
    slice_thickness: float | None = None  # mm
    orientation: str | None = None  # axial, coronal, sagittal or oblique: how the planes lie
    kernel: str | None = None  # of the reconstruction
    series_description: str | None = None  # the words of radiology that de-identification leaves of it
    laterality: str | None = None  # R, L, U (of a part of which there is one) or B; "other" where two are told, or none


@dataclass(frozen=True)
class Stored(Record):
    """A record that the catalog has admitted: where its bytes are, and since when.

    `shard`, `offset` and `length` find the bytes in one seek.
    """

    shard: str = ""
    offset: int = 0
    length: int = 0
    batch: int = 0  # 0 for the first admission, growing by one with each
    admitted_at: datetime | None = None


@dataclass(frozen=True)
class Rejection:
    """An arrival that was refused: no identity, only the hash of what came and the reason.

    `name_sha256` is the hash of the file's name (a file name may hold a patient's).
    """

    source: str
    sha256: str
    name_sha256: str
    reason: str
    message: str
    position: int = 0  # the how-manieth thing of its source, so that a person can find it


@dataclass(frozen=True)
class Arrival:
    """A record with its de-identified bytes, as a source yields it; those of a large object are mapped.

    `day` is the true day of the examination, where the source tells one: it goes with the arrival as far as the day
    that an answer is counted under, and nowhere into the record, whose dates are shifted.
    """

    record: Record
    content: bytes | mmap
    day: date | None = None


@dataclass(frozen=True)
class Prediction:
    """One answer of a model about one image: who said what of which bytes, when.

    `score` is the calibrated probability in [0, 1], `logit` the network's raw output; `decision` is
    score >= threshold. `received_on` is the day that the monitor counts it under.
    `statistics` columns are described in `radloop.imaging.statistics`; `embedding` is the projected one.
    """

    prediction_id: str
    predicted_at: datetime
    received_on: date
    use_case: str
    model_version: str
    bundle: str
    input_sha256: str
    record_id: str
    patient_id: str
    study_id: str
    logit: float
    score: float
    threshold: float
    decision: bool
    latency_ms: float
    channel: str  # serve, infer or shadow
    modality: str | None = None
    body_part: str | None = None
    view: str | None = None
    sex: str | None = None
    age: float | None = None
    site: str | None = None
    manufacturer: str | None = None
    model_name: str | None = None
    software: str | None = None
    acquired_on: date | None = None
    kvp: float | None = None
    exposure: float | None = None
    pixel_spacing: float | None = None
    acquisition_group: str | None = None
    rows: int | None = None
    columns: int | None = None
    photometric_interpretation: str | None = None
    image_mean: float | None = None
    image_std: float | None = None
    image_p01: float | None = None
    image_p99: float | None = None
    image_entropy: float | None = None
    image_sharpness: float | None = None
    image_noise: float | None = None
    image_inverted: float | None = None
    image_contrast: float | None = None
    image_exposure: float | None = None
    image_saturated: float | None = None
    image_motion: float | None = None
    image_turned: float | None = None
    image_tilt: float | None = None
    image_collimated: float | None = None
    image_field: float | None = None
    embedding: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Label:
    """What turned out to be true of one prediction; a correction is a later label for the same id."""

    prediction_id: str
    findings: list[str]
    labelled_at: datetime
    labelled_by: str  # a role or a system, never a person's name


_ARROW = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    date: pa.date32(),
    datetime: pa.timestamp("us", tz="UTC"),
    list[str]: pa.list_(pa.string()),
    list[float]: pa.list_(pa.float32()),
}


def schema_of(noun: type) -> pa.Schema:
    """The Arrow schema of a noun, derived from its annotations so that there is no second list of columns."""
    hints = get_type_hints(noun)
    return pa.schema([_arrow_field(f.name, hints[f.name]) for f in fields(noun)])


def _arrow_field(name: str, hint: Any) -> pa.Field:
    optional = type(None) in getattr(hint, "__args__", ())
    plain = next((arm for arm in hint.__args__ if arm is not type(None)), hint) if optional else hint
    return pa.field(name, _ARROW[plain], nullable=optional)


def table_of(noun: type, rows: list[Any]) -> pa.Table:
    """An Arrow table of nouns; empty where there is no row, still with every column."""
    return pa.Table.from_pylist([asdict(row) for row in rows], schema=schema_of(noun))


#: What a prediction repeats from the record that it was made for.
SHARED_COLUMNS = tuple(f.name for f in fields(Prediction) if f.name in {g.name for g in fields(Record)})

#: The image statistics of a prediction, in the order of its columns.
STATISTICS = tuple(f.name for f in fields(Prediction) if f.name.startswith("image_"))

#: Those that need the film alone, not what a model saw of it: validate writes them beside each row of the catalog.
QUALITY = tuple(name for name in STATISTICS if name not in ("image_mean", "image_std", "image_entropy"))
