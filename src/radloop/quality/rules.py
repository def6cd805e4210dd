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
    """The rules about every image's row, in the order in which reasons are listed."""
    # bytes that are not those admitted: no row of such a snapshot can be trusted until it is restored
    altered = within("content_altered", "altered", (False,), "stop")
    return (*_presence(), *_identity(), *_demographics(case), *_acquisition(case), altered)


def film_rules(case: UseCase) -> tuple[Rule, ...]:
    """The rules about the pixels of a film; those that only warn come last."""
    bounds = case.validate_
    return (
        *ultrasound_rules(case),
        between("noise_only", "structure", bounds.noise_below, None),
        between("saturated", "saturated", None, bounds.saturated_above),
        between("inverted", "inverted", None, bounds.inverted_above),
        *_taken(case),
    )


def ultrasound_rules(case: UseCase) -> tuple[Rule, ...]:
    """The rules about the pixels of a picture of any kind; ultrasound has no other, for it is mostly black."""
    bounds = case.validate_
    return (
        Rule("pixels_unreadable", "ExpectColumnValuesToBeNull", "unreadable"),
        between("too_small", "smaller_side", bounds.smallest_side, None),
        between("size_disagrees", "size_difference", None, 0),
        between("constant", "contrast", bounds.constant_below, None),
        between("multi_frame", "frames", None, 1),  # prepare makes one picture of one frame
    )


def _presence() -> Iterator[Rule]:
    for column in REQUIRED:
        yield Rule(f"missing_{column}", "ExpectColumnValuesToNotBeNull", column)


def _identity() -> Iterator[Rule]:
    yield Rule("record_id_repeated", "ExpectColumnValuesToBeUnique", "record_id")
    yield Rule("instance_uid_repeated", "ExpectColumnValuesToBeUnique", "instance_uid")
    yield between("instance_uid_of_two_patients", "patients_of_instance", None, 1)
    yield between("study_id_of_two_patients", "patients_of_study", None, 1)
    yield between("film_repeated", "films_of_pixels", None, 1, "warn")
    yield between("film_of_two_patients", "patients_of_pixels", None, 1, "warn")  # split joins or excludes them
    yield between("sexes_of_patient_disagree", "sexes_of_patient", None, 1)


def _demographics(case: UseCase) -> Iterator[Rule]:
    bounds = case.validate_
    yield between("age_out_of_range", "age", *bounds.age)
    yield within("sex_unknown_code", "sex", bounds.sex)
    yield between("ages_contradict_dates", "age_disagreement", None, AGE_TOLERANCE)
    yield between("acquired_after_admission", "days_before_admission", -DATE_TOLERANCE, None)
    yield between("follow_ups_out_of_order", "days_out_of_order", None, 0)
    yield between("study_spans_days", "days_of_study", None, DATE_TOLERANCE, "warn")


def _acquisition(case: UseCase) -> Iterator[Rule]:
    bounds, accepts = case.validate_, case.task.accepts
    yield within("modality_not_accepted", "modality", bounds.modality)
    yield within("view_not_accepted", "view", bounds.view)
    yield within("body_part_not_accepted", "body_part", accepts.body_part)
    yield within(
        "photometric_interpretation_not_accepted", "photometric_interpretation", accepts.photometric_interpretation
    )
    yield between("bits_stored_not_accepted", "bits_stored", *accepts.bits_stored)
    yield between("kvp_out_of_range", "kvp", *bounds.kvp)
    yield between("pixel_spacing_out_of_range", "pixel_spacing", *bounds.pixel_spacing)
    yield between("exposure_negative", "exposure", 0, None)


def _taken(case: UseCase) -> Iterator[Rule]:
    bounds = case.validate_.warn
    if bounds is None:
        return
    yield between("patient_moved", "image_motion", None, bounds.motion, "warn")
    yield between("film_tilted", "image_tilt", -bounds.tilt, bounds.tilt, "warn")
    yield between("film_turned", "image_turned", None, bounds.turned, "warn")
    yield between("partly_saturated", "image_saturated", None, bounds.saturated, "warn")
    yield between("wide_border", "image_collimated", None, bounds.collimated, "warn")


def between(reason: str, column: str, low: float | None, high: float | None, severity: str = "quarantine") -> Rule:
    """The rule that a column's values lie from `low` to `high`; what is missing breaks nothing."""
    return Rule(reason, "ExpectColumnValuesToBeBetween", column, {"min_value": low, "max_value": high}, severity)


def within(reason: str, column: str, values: tuple[Any, ...], severity: str = "quarantine") -> Rule:
    """The rule that a column's values are some of these; what is missing breaks nothing."""
    return Rule(reason, "ExpectColumnValuesToBeInSet", column, {"value_set": list(values)}, severity)
