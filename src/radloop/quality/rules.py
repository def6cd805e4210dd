"""The rules that rows must keep, as data: a short stable reason for each, and the bound that it draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from radloop.params import UseCase

#: What a row cannot do without.
REQUIRED = (
    "record_id", "patient_id", "study_id", "instance_uid", "source", "content_type", "sha256", "pixel_sha256",
    "rows", "columns", "bits_stored", "photometric_interpretation", "shard", "offset", "length", "admitted_at",
)  # fmt: skip
#: Years by which ages may contradict dates: both are whole years at best.
AGE_TOLERANCE = 2.0
#: Days by which acquisition may follow admission: hospitals east of Greenwich write tomorrow's date.
DATE_TOLERANCE = 1
#: Reasons that say that a film shows nothing; such films are all alike, so likeness between them tells nothing.
BLANK = ("constant", "noise_only", "saturated")


@dataclass(frozen=True)
class Rule:
    """One expectation about one column; `kind` names the Great Expectations class, `bounds` its arguments.

    `severity` says what a breach does: stop sets the row aside and closes the gate, quarantine sets the row aside,
    warn tells only.
    """

    reason: str
    kind: str
    column: str
    bounds: dict[str, Any] = field(default_factory=dict)
    severity: str = "quarantine"


def row_rules(case: UseCase) -> tuple[Rule, ...]:
    """All rules about a row, in the order in which reasons are listed; those that only warn come last."""
    acting = (*_presence(), *_identity(), *_demographics(case), *_acquisition(case), *_pixels(case))
    return (*acting, *_taken(case))


def _presence() -> Iterator[Rule]:
    for column in REQUIRED:
        yield Rule(f"missing_{column}", "ExpectColumnValuesToNotBeNull", column)


def _identity() -> Iterator[Rule]:
    yield Rule("record_id_repeated", "ExpectColumnValuesToBeUnique", "record_id")
    yield Rule("instance_uid_repeated", "ExpectColumnValuesToBeUnique", "instance_uid")
    yield _between("instance_uid_of_two_patients", "patients_of_instance", None, 1)
    yield _between("study_id_of_two_patients", "patients_of_study", None, 1)
    yield _between("sexes_of_patient_disagree", "sexes_of_patient", None, 1)


def _demographics(case: UseCase) -> Iterator[Rule]:
    bounds = case.validate_
    yield _between("age_out_of_range", "age", *bounds.age)
    yield _within("sex_unknown_code", "sex", bounds.sex)
    yield _between("ages_contradict_dates", "age_disagreement", None, AGE_TOLERANCE)
    yield _between("acquired_after_admission", "days_before_admission", -DATE_TOLERANCE, None)


def _acquisition(case: UseCase) -> Iterator[Rule]:
    bounds, accepts = case.validate_, case.task.accepts
    yield _within("modality_not_accepted", "modality", bounds.modality)
    yield _within("view_not_accepted", "view", bounds.view)
    yield _within("body_part_not_accepted", "body_part", accepts.body_part)
    yield _within(
        "photometric_interpretation_not_accepted", "photometric_interpretation", accepts.photometric_interpretation
    )
    yield _between("multi_frame", "frames", None, 1)  # prepare makes one picture of one frame
    yield _between("bits_stored_not_accepted", "bits_stored", *accepts.bits_stored)
    yield _between("kvp_out_of_range", "kvp", *bounds.kvp)
    yield _between("pixel_spacing_out_of_range", "pixel_spacing", *bounds.pixel_spacing)
    yield _between("exposure_negative", "exposure", 0, None)


def _pixels(case: UseCase) -> Iterator[Rule]:
    bounds = case.validate_
    # bytes that are not those admitted: no row of such a snapshot can be trusted until it is restored
    yield Rule("content_altered", "ExpectColumnValuesToBeInSet", "altered", {"value_set": [False]}, "stop")
    yield Rule("pixels_unreadable", "ExpectColumnValuesToBeNull", "unreadable")
    yield _between("too_small", "smaller_side", bounds.smallest_side, None)
    yield _between("size_disagrees", "size_difference", None, 0)
    yield _between("constant", "contrast", bounds.constant_below, None)
    yield _between("noise_only", "structure", bounds.noise_below, None)
    yield _between("saturated", "saturated", None, bounds.saturated_above)
    yield _between("inverted", "inverted", None, bounds.inverted_above)


def _taken(case: UseCase) -> Iterator[Rule]:
    bounds = case.validate_.warn
    if bounds is None:
        return
    yield _between("patient_moved", "image_motion", None, bounds.motion, "warn")
    yield _between("film_tilted", "image_tilt", -bounds.tilt, bounds.tilt, "warn")
    yield _between("film_turned", "image_turned", None, bounds.turned, "warn")
    yield _between("partly_saturated", "image_saturated", None, bounds.saturated, "warn")
    yield _between("wide_border", "image_collimated", None, bounds.collimated, "warn")


def _between(reason: str, column: str, low: float | None, high: float | None, severity: str = "quarantine") -> Rule:
    return Rule(reason, "ExpectColumnValuesToBeBetween", column, {"min_value": low, "max_value": high}, severity)


def _within(reason: str, column: str, values: tuple[Any, ...]) -> Rule:
    return Rule(reason, "ExpectColumnValuesToBeInSet", column, {"value_set": list(values)})
