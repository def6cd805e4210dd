"""PET activity to standardised uptake by body weight (SUVbw), or a refusal: a wrong SUV looks like a right one.

Source: the vendor-neutral calculation of RSNA QIBA's FDG-PET/CT profile, and PS3.3 C.8.9.1, C.8.9.2, C.8.9.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from pydicom.dataset import Dataset
from pydicom.valuerep import DT

from radloop.dicom.read import items_of, number, text, values_of
from radloop.dicom.series import series_volume
from radloop.dicom.values import as_date
from radloop.dicom.volume import Volume
from radloop.errors import StudyRejected

UNIT = "g/ml"
_HEAVIEST = 650.0  # kg; more is a weight in grams or pounds of a typing error
_LEAST_DOSE = 1e5  # Bq; less is a dose told in MBq, where PS3.3 asks for Bq
_LONGEST = 10.0  # half-lives from injection to scan; behind them nothing is left to see, so a date is wrong
_SAME_START = 1.0  # s


def suv_volume(datasets: Iterable[Dataset], *, sheared: bool = False, expected: int | None = None) -> Volume:
    """The SUVbw of a PET series in g/ml, float32 [i, j, k], at the places that `series_volume` finds.

    Raises StudyRejected as `series_volume` and `suv_factor` do.
    """
    series = list(datasets)
    activity = series_volume(series, sheared=sheared, expected=expected)
    return activity.with_voxels(activity.voxels * np.float32(suv_factor(series)), UNIT)


def suv_factor(series: Sequence[Dataset]) -> float:
    """What a PET series' rescaled values are multiplied by to become SUVbw in g/ml; 1 where they are that already.

    From the dose, decayed to the time to which the images were corrected, and the weight. Raises StudyRejected for
    other units, missing corrections, contradicting or missing times, dose, half-life or weight.
    """
    units = _only(series, "Units").upper()
    if _only(series, "Modality") != "PT":
        raise StudyRejected("not_pet", "SUV is defined for PET images alone.", "choose the PET series")
    if units == "GML":
        if (kind := _only(series, "SUVType").upper()) not in ("", "BW"):
            raise StudyRejected("pet_units", f"the SUV is {_code(kind)}, not by body weight.", "send BQML images")
        return 1.0
    if units != "BQML":
        raise StudyRejected("pet_units", f"Units {_code(units)} is neither BQML nor GML.", "send BQML images")
    _require_corrected(series)
    grams = 1000 * _weight(series)
    return grams / _dose_at_reference(series)


def _code(value: str) -> str:
    """A code in a message, unless it is none: free text in a code's place may be a name."""
    return value if value.isalnum() and len(value) <= 5 else f"of {len(value)} characters"


def _only(series: Sequence[Dataset], keyword: str) -> str:
    values = {text(dataset, keyword) for dataset in series}
    if len(values) != 1:
        raise StudyRejected("mixed_pet", f"{keyword} differs within the series.", "send one series")
    return values.pop()


def _require_corrected(series: Sequence[Dataset]) -> None:
    for dataset in series:
        done = {str(value).strip().upper() for value in values_of(dataset, "CorrectedImage")}
        if missing := {"ATTN", "DECY"} - done:
            raise StudyRejected(
                "pet_corrections", f"CorrectedImage lacks {' and '.join(sorted(missing))}.", "send corrected images"
            )


def _weight(series: Sequence[Dataset]) -> float:
    _only(series, "PatientWeight")
    weight = number(series[0], "PatientWeight")
    if weight is None or weight > _HEAVIEST:
        raise StudyRejected(
            "pet_weight", f"PatientWeight is not between 0 and {_HEAVIEST:g} kg.", "correct it at its source"
        )
    return weight


def _dose_at_reference(series: Sequence[Dataset]) -> float:
    """Becquerels at the time to which the images were corrected for decay."""
    tracer = _tracer(series)
    dose = number(tracer, "RadionuclideTotalDose")
    if dose is None or dose < _LEAST_DOSE:
        raise StudyRejected(
            "pet_dose", f"RadionuclideTotalDose is not {_LEAST_DOSE:g} Bq or more.", "correct it at its source"
        )
    correction = _only(series, "DecayCorrection").upper()
    if correction == "ADMIN":
        return dose
    if correction != "START":
        raise StudyRejected(
            "pet_corrections", f"DecayCorrection {_code(correction)} is neither START nor ADMIN.", "send those images"
        )
    half_life = _half_life(tracer)
    passed = (_scan_start(series, half_life) - _injection(series[0], tracer)).total_seconds()
    if not 0 <= passed <= _LONGEST * half_life:
        raise StudyRejected(
            "pet_times", f"the scan starts {passed / half_life:.2f} half-lives after injection.", "correct the times"
        )
    return float(dose * 2 ** (-passed / half_life))


def _tracer(series: Sequence[Dataset]) -> Dataset:
    tracers = [items_of(dataset, "RadiopharmaceuticalInformationSequence") for dataset in series]
    if any(len(items) != 1 for items in tracers):
        raise StudyRejected("pet_dose", "the series does not tell exactly one radiopharmaceutical.", "send one series")
    first = tracers[0][0]
    for keyword in (
        "RadionuclideTotalDose", "RadionuclideHalfLife", "RadiopharmaceuticalStartTime",
        "RadiopharmaceuticalStartDateTime",
    ):  # fmt: skip
        if any(text(items[0], keyword) != text(first, keyword) for items in tracers):
            raise StudyRejected("mixed_pet", f"{keyword} differs within the series.", "send one series")
    return first


def _half_life(tracer: Dataset) -> float:
    half_life = number(tracer, "RadionuclideHalfLife")
    if half_life is None:
        raise StudyRejected("pet_half_life", "RadionuclideHalfLife is missing or 0.", "correct it at its source")
    return half_life


def _injection(dataset: Dataset, tracer: Dataset) -> datetime:
    """The moment of injection; a time alone is of the day of the series, and must not contradict a full one."""
    full = _moment(text(tracer, "RadiopharmaceuticalStartDateTime"), dataset)
    alone = _moment(text(dataset, "SeriesDate") + text(tracer, "RadiopharmaceuticalStartTime"), dataset)
    told = full or alone
    if told is None:
        raise StudyRejected("pet_times", "the time of injection is not told.", "correct it at its source")
    if full and alone and text(tracer, "RadiopharmaceuticalStartTime"):
        apart = abs((full - alone).total_seconds()) % timedelta(days=1).total_seconds()
        if min(apart, timedelta(days=1).total_seconds() - apart) > _SAME_START:
            raise StudyRejected("pet_times", "two different times of injection are told.", "correct them")
    return told


def _scan_start(series: Sequence[Dataset], half_life: float) -> datetime:
    """SeriesTime where no image is older; else it was set by later processing, and the images tell the start."""
    started = {_moment(text(one, "SeriesDate") + text(one, "SeriesTime"), one) for one in series}
    acquired = [_moment(text(one, "AcquisitionDate") + text(one, "AcquisitionTime"), one) for one in series]
    known = [moment for moment in acquired if moment]
    if len(known) != len(series) or len(started) != 1:
        raise StudyRejected("pet_times", "SeriesTime or AcquisitionTime is not told.", "correct it at its source")
    start = started.pop()
    if start and start <= min(known):
        return start
    starts = [moment - _since_start(one, half_life) for moment, one in zip(known, series, strict=True)]
    if max(starts) - min(starts) > timedelta(seconds=_SAME_START):
        raise StudyRejected(
            "pet_times", "SeriesTime is after acquisition, and the images tell different starts.", "send the originals"
        )
    return starts[0]


def _since_start(dataset: Dataset, half_life: float) -> timedelta:
    """From the reference of decay correction to this image's AcquisitionTime.

    FrameReferenceTime points at the moment when the activity was its mean over the frame, so what passed
    in the frame until then is taken off (PS3.3 C.8.9.4.1.5).
    """
    reference, duration = number(dataset, "FrameReferenceTime"), number(dataset, "ActualFrameDuration")
    if reference is None or duration is None:
        raise StudyRejected(
            "pet_times",
            "SeriesTime is after acquisition, and FrameReferenceTime or ActualFrameDuration is not told.",
            "send the original images",
        )
    rate = np.log(2) / half_life
    decayed = rate * duration / 1000
    until_mean = np.log(decayed / -np.expm1(-decayed)) / rate
    return timedelta(seconds=float(reference / 1000 - until_mean))


def _moment(told: str, dataset: Dataset) -> datetime | None:
    """A DT value in the data set's own time zone, without it; None where it is no full date and time."""
    if as_date(told[:8]) is None or len(told) < 12:
        return None
    try:
        moment: datetime = DT(told)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        return datetime.combine(moment.date(), moment.time())
    own: datetime = DT(f"20000101000000{text(dataset, 'TimezoneOffsetFromUTC')}")
    if own.tzinfo is None:
        raise StudyRejected(
            "pet_times", "one time has a zone and TimezoneOffsetFromUTC is not told.", "correct it at its source"
        )
    return moment.astimezone(UTC).replace(tzinfo=None) + (own.utcoffset() or timedelta())
