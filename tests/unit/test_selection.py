"""Series selection: what is taken, what is counted by reason, and masks that follow their series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from pydicom.dataset import Dataset

from radloop.catalog import Admission, read_catalog, read_quarantine
from radloop.dicom.orientation import orientation_of
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.ingest import ingest
from radloop.records import Arrival, Record, Rejection
from radloop.sections.intake import Select
from radloop.selection import Selection, why_not
from radloop.sources import open_source

CT = Record(
    record_id="r", patient_id="p", study_id="s", instance_uid="1.1", source="dicom_folder",
    content_type="application/dicom", sha256="0", pixel_sha256="0", rows=8, columns=8, bits_stored=12,
    photometric_interpretation="MONOCHROME2", modality="CT", body_part="CHEST", series_id="2.1",
    slice_thickness=1.25, orientation="axial", kernel="B70f", series_description="Thorax Lung plain",
)  # fmt: skip
MASK = replace(CT, role="mask", of="2.1", instance_uid="1.9", modality="SEG", orientation=None, kernel=None)


def select(**rules: Any) -> Select:
    return Select.model_validate(rules)


def taken(rules: Select, *records: Record, known: tuple[str, ...] = ()) -> tuple[list[str], dict[str, int]]:
    selection = Selection(rules, lambda: frozenset(known))
    found = list(selection.of([Arrival(record, b"") for record in records]))
    return [one.record.instance_uid for one in found if isinstance(one, Arrival)], dict(selection.left_out)


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({}, None),
        ({"modality": {"include": ["ct", "MR"]}}, None),
        ({"modality": {"include": ["MR"]}}, "modality"),
        ({"modality": {"exclude": ["CT"]}}, "modality_excluded"),
        ({"body_part": {"include": ["ABDOMEN"]}}, "body_part"),
        ({"description": {"include": ["lung thorax"]}}, None),
        ({"description": {"include": ["lun"]}}, "description"),
        ({"description": {"include": ["lung"], "exclude": ["plain"]}}, "description_excluded"),
        ({"orientation": {"include": ["coronal", "sagittal"]}}, "orientation"),
        ({"orientation": {"exclude": ["oblique"]}}, None),
        ({"kernel": {"include": ["B30f"]}}, "kernel"),
        ({"kernel": {"include": ["b70F"]}}, None),
        ({"slice_thickness": [1.25, 1.25]}, None),
        ({"slice_thickness": [2, 5]}, "slice_thickness"),
    ],
)
def test_a_rule_takes_or_leaves_a_series_and_says_why(rules: dict[str, Any], reason: str | None) -> None:
    assert why_not(CT, select(**rules)) == reason


@pytest.mark.parametrize("name", ["modality", "body_part", "orientation", "kernel", "slice_thickness", "description"])
def test_what_a_series_does_not_tell_is_told_as_such(name: str) -> None:
    column = "series_description" if name == "description" else name
    wanted: Any = {"orientation": {"include": ["axial"]}, "slice_thickness": [1, 2]}.get(name, {"include": ["X"]})
    assert why_not(replace(CT, **{column: None}), select(**{name: wanted})) == f"{name}_untold"
    assert (
        name == "slice_thickness" or why_not(replace(CT, **{column: None}), select(**{name: {"exclude": []}})) is None
    )


@pytest.mark.parametrize(
    "rules",
    [
        {"modalities": {"include": ["CT"]}},
        {"modality": {"only": ["CT"]}},
        {"orientation": {"include": ["transverse"]}},
        {"slice_thickness": [3, 1]},
    ],
)
def test_a_misspelt_rule_is_an_error(rules: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        select(**rules)


def test_masks_follow_their_series_in_any_order() -> None:
    rules = select(modality={"include": ["CT"]})
    assert taken(rules, MASK, CT) == (["1.1", "1.9"], {})
    assert taken(rules, CT, MASK) == (["1.1", "1.9"], {})
    other = replace(CT, modality="MR")
    assert taken(rules, MASK, other) == ([], {"modality": 1, "mask_of_no_selected_series": 1})
    assert taken(rules, MASK, known=("2.1",)) == (["1.9"], {})
    assert taken(select(), MASK) == (["1.9"], {})


def test_refusals_pass_whatever_is_selected() -> None:
    refusal = Rejection("dicom_folder", "0", "0", "truncated", "it ends too early.")
    selection = Selection(select(modality={"include": ["MR"]}), frozenset)
    assert list(selection.of([refusal])) == [refusal]


@pytest.mark.parametrize(
    ("cosines", "name"),
    [
        ([1, 0, 0, 0, 1, 0], "axial"),
        ([-1, 0, 0, 0, -1, 0], "axial"),
        ([1, 0, 0, 0, 0, -1], "coronal"),
        ([0, 1, 0, 0, 0, -1], "sagittal"),
        ([1, 0, 0, 0, 0.95, 0.312], "axial"),
        ([1, 0, 0, 0, 0.8, 0.6], "oblique"),
        ([1, 0, 0, 1, 0, 0], None),
    ],
)
def test_planes_are_named_by_the_axis_that_they_cross(cosines: list[float], name: str | None) -> None:
    assert orientation_of(np.array(cosines, float)) == name
    assert orientation_of(None) is None


def test_what_is_not_selected_is_counted_and_neither_stored_nor_quarantined(
    tmp_path: Path, film: Callable[..., Dataset], dicom_folder: Callable[..., Path], pseudonyms: Pseudonyms
) -> None:
    folder = dicom_folder(
        a=film("1.1", SeriesDescription="Chest Zanzibar PA", ConvolutionKernel="B70f"),
        b=film("1.2", Modality="CR"),
        c=b"",
        d=film("1.3", ImageOrientationPatient=[1, 0, 0, 0, 0, -1]),
    )
    source = open_source("dicom_folder", folder, pseudonyms)
    rules = select(modality={"exclude": ["CR"]}, kernel={"include": ["B70f"]})
    admission = ingest(source, tmp_path / "d", select=rules)
    assert admission == Admission(1, 0, 1, not_selected={"kernel_untold": 1, "modality_excluded": 1})
    assert list(read_quarantine(tmp_path / "d")["reason"]) == ["empty_file"]
    row = read_catalog(tmp_path / "d").iloc[0]
    assert (row["series_description"], row["kernel"], row["orientation"]) == ("Chest PA", "B70f", None)
    assert ingest(source, tmp_path / "d") == Admission(admitted=2, already=2)  # without rules, what was left is taken
    assert set(read_catalog(tmp_path / "d")["orientation"]) == {None, "coronal"}
