"""SUV by body weight is computed where everything is told, and refused where anything is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from radloop.dicom.pixels import stored_values
from radloop.dicom.suv import suv_factor, suv_volume
from radloop.errors import StudyRejected

Series = Callable[..., list[Dataset]]
HALF_LIFE = 6588.0


@pytest.fixture
def pet(series: Series) -> Callable[..., list[Dataset]]:
    """A PET series, injected with 370 MBq one half-life before the scan of a patient of 70 kg."""

    def build(tracer: dict[str, Any] | None = None, **changes: Any) -> list[Dataset]:
        told = {"RadionuclideTotalDose": "3.7e8", "RadionuclideHalfLife": "6588"}
        slices = series(
            Modality="PT", Units="BQML", CorrectedImage=["ATTN", "DECY", "SCAT"], DecayCorrection="START",
            SeriesDate="20260101", SeriesTime="120000.000", AcquisitionDate="20260101", AcquisitionTime="120000.00",
            PatientWeight="70", RescaleSlope="0.5", RescaleIntercept="0", **changes,
        )  # fmt: skip
        for one in slices:
            item = Dataset()
            for keyword, value in {**told, "RadiopharmaceuticalStartTime": "101012", **(tracer or {})}.items():
                if value is not None:
                    setattr(item, keyword, value)
            one.RadiopharmaceuticalInformationSequence = [item]
        return slices

    return build


Pet = Callable[..., list[Dataset]]


def test_activity_is_divided_by_the_decayed_dose_per_gram(pet: Pet) -> None:
    slices = pet()
    assert suv_factor(slices) == pytest.approx(70_000 / (3.7e8 / 2))
    volume = suv_volume(slices[::-1])
    assert volume.unit == "g/ml"
    np.testing.assert_allclose(
        volume.voxels[:, :, 1], stored_values(slices[1]).T * 0.5 * 70_000 / (3.7e8 / 2), rtol=1e-6
    )


def test_a_dose_corrected_to_administration_does_not_decay(pet: Pet) -> None:
    slices = pet({"RadiopharmaceuticalStartTime": None})
    for one in slices:
        one.DecayCorrection = "ADMIN"
    assert suv_factor(slices) == pytest.approx(70_000 / 3.7e8)


def test_a_full_date_and_time_of_injection_is_used_over_midnight(pet: Pet) -> None:
    told = {"RadiopharmaceuticalStartTime": None, "RadiopharmaceuticalStartDateTime": "20251231231012"}
    slices = pet(told)
    for one in slices:
        one.SeriesTime = one.AcquisitionTime = "010000"
    assert suv_factor(slices) == pytest.approx(70_000 / (3.7e8 / 2))


def test_times_in_two_zones_are_compared_in_one(pet: Pet) -> None:
    told = {"RadiopharmaceuticalStartTime": None, "RadiopharmaceuticalStartDateTime": "20260101091012+0000"}
    assert suv_factor(pet(told, TimezoneOffsetFromUTC="+0100")) == pytest.approx(70_000 / (3.7e8 / 2))
    assert _reason(pet(told)) == "pet_times"


def test_a_series_time_from_later_processing_is_not_the_start_of_the_scan(pet: Pet) -> None:
    slices = pet()
    for bed, one in enumerate(slices):
        one.SeriesTime = "153000"
        began = 180 * bed  # seconds after noon, three minutes per bed
        one.AcquisitionTime = f"12{began // 60:02d}00"
        rate = np.log(2) / HALF_LIFE
        mean = np.log(180 * rate / (1 - np.exp(-180 * rate))) / rate
        one.FrameReferenceTime, one.ActualFrameDuration = f"{1000 * (began + mean):.3f}", "180000"
    assert suv_factor(slices) == pytest.approx(70_000 / (3.7e8 / 2), rel=1e-5)
    slices[2].AcquisitionTime = "121000"
    assert _reason(slices) == "pet_times"
    del slices[2].FrameReferenceTime
    assert _reason(slices) == "pet_times"


def test_values_that_are_suv_already_stay(pet: Pet) -> None:
    slices = pet(tracer={"RadionuclideTotalDose": None}, SUVType="BW")
    for one in slices:
        one.Units = "GML"
    assert suv_factor(slices) == 1
    for one in slices:
        one.SUVType = "LBM"
    assert _reason(slices) == "pet_units"


def _reason(slices: list[Dataset]) -> str:
    with pytest.raises(StudyRejected) as refused:
        suv_volume(slices)
    assert refused.value.next_step and "Invented" not in str(refused.value)
    return refused.value.reason


@pytest.mark.parametrize(
    ("keyword", "value", "reason"),
    [
        ("Units", "CNTS", "pet_units"),
        ("CorrectedImage", ["DECY"], "pet_corrections"),
        ("CorrectedImage", ["ATTN"], "pet_corrections"),
        ("DecayCorrection", "NONE", "pet_corrections"),
        ("PatientWeight", "", "pet_weight"),
        ("PatientWeight", "0", "pet_weight"),
        ("PatientWeight", "70000", "pet_weight"),
        ("SeriesTime", "", "pet_times"),
        ("AcquisitionTime", "", "pet_times"),
        ("SeriesDate", "20260102", "pet_times"),
        ("RadiopharmaceuticalInformationSequence", [], "pet_dose"),
    ],
)
def test_what_is_not_told_is_not_guessed(pet: Pet, keyword: str, value: Any, reason: str) -> None:
    slices = pet()
    for one in slices:
        setattr(one, keyword, value)
    assert _reason(slices) == reason


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"RadionuclideTotalDose": None}, "pet_dose"),
        ({"RadionuclideTotalDose": "370"}, "pet_dose"),
        ({"RadionuclideHalfLife": None}, "pet_half_life"),
        ({"RadiopharmaceuticalStartTime": None}, "pet_times"),
        ({"RadiopharmaceuticalStartTime": "120001"}, "pet_times"),
        ({"RadiopharmaceuticalStartDateTime": "20260101111012"}, "pet_times"),
        ({"RadiopharmaceuticalStartDateTime": "20250601101012"}, "pet_times"),
    ],
)
def test_a_tracer_that_is_half_told_is_refused(pet: Pet, told: dict[str, Any], reason: str) -> None:
    assert _reason(pet(told)) == reason


@pytest.mark.parametrize("keyword", ["Units", "PatientWeight", "DecayCorrection"])
def test_a_series_that_contradicts_itself_is_refused(pet: Pet, keyword: str) -> None:
    slices = pet()
    setattr(slices[1], keyword, {"Units": "GML", "PatientWeight": "71", "DecayCorrection": "ADMIN"}[keyword])
    assert _reason(slices) in ("mixed_pet", "mixed_units")


def test_two_doses_in_one_series_are_refused(pet: Pet) -> None:
    slices = pet()
    slices[1].RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = "3.8e8"
    assert _reason(slices) == "mixed_pet"


def test_other_modalities_have_no_suv(series: Series) -> None:
    assert _reason(series(Units="BQML")) == "not_pet"
