"""The official ChestX-ray14 layout, with every way in which a copy of it has been seen to be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError
from radloop.records import Arrival, Rejection
from radloop.sources import open_source

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
GOOD = "{name},Pneumonia|Edema,2,7,58,M,PA,2048,2500,0.168,0.168"
PngOf = Callable[..., bytes]
PIXELS = np.random.default_rng(1).integers(0, 256, (50, 40), dtype=np.uint8)


@pytest.fixture
def layout(tmp_path: Path, png_of: PngOf) -> Callable[..., Path]:
    """Write a table of rows and the images a.png, b.png, ..."""

    def write(*rows: str, images: dict[str, bytes] | None = None, header: str = HEADER) -> Path:
        (tmp_path / "Data_Entry_2017_v2020.csv").write_text("\n".join((header, *rows)) + "\n")
        (tmp_path / "images").mkdir()
        for name, content in (images if images is not None else {"a.png": png_of(PIXELS)}).items():
            (tmp_path / "images" / name).write_bytes(content)
        return tmp_path

    return write


def arrived(folder: Path, pseudonyms: Pseudonyms) -> list[Arrival]:
    items = list(open_source("nih_cxr", folder, pseudonyms))
    assert all(isinstance(item, Arrival) for item in items)
    return [item for item in items if isinstance(item, Arrival)]


def refused(folder: Path, pseudonyms: Pseudonyms) -> list[str]:
    return [item.reason for item in open_source("nih_cxr", folder, pseudonyms) if isinstance(item, Rejection)]


def test_a_row_and_its_image_become_a_record(layout: Callable[..., Path], pseudonyms: Pseudonyms) -> None:
    record = arrived(layout(GOOD.format(name="a.png")), pseudonyms)[0].record
    assert record.findings == ["Pneumonia", "Edema"]
    assert (record.sex, record.age, record.view, record.study_order) == ("M", 58.0, "PA", 2)
    assert (record.body_part, record.acquisition_group) == ("CHEST", "2048x2500@0.168")
    assert (record.rows, record.columns, record.pixel_spacing) == (50, 40, 8.4)


def test_what_the_set_does_not_tell_is_missing(layout: Callable[..., Path], pseudonyms: Pseudonyms) -> None:
    record = arrived(layout(GOOD.format(name="a.png")), pseudonyms)[0].record
    told = (record.modality, record.site, record.manufacturer, record.model_name, record.acquired_on, record.kvp)
    assert told == (None,) * 6


def test_no_finding_is_an_empty_list_and_an_empty_cell_is_none(
    layout: Callable[..., Path], pseudonyms: Pseudonyms, png_of: PngOf
) -> None:
    rows = ("a.png,No Finding,0,7,58,M,PA,1,1,1,1", "b.png,,1,7,58,M,PA,1,1,1,1")
    folder = layout(*rows, images={"a.png": png_of(PIXELS), "b.png": png_of(PIXELS)})
    assert [arrival.record.findings for arrival in arrived(folder, pseudonyms)] == [[], None]


def test_one_patient_has_one_pseudonym_and_a_study_per_follow_up(
    layout: Callable[..., Path], pseudonyms: Pseudonyms, png_of: PngOf
) -> None:
    rows = ("a.png,No Finding,0,7,58,M,PA,1,1,1,1", "b.png,No Finding,1,7,58,M,PA,1,1,1,1")
    folder = layout(*rows, images={"a.png": png_of(PIXELS), "b.png": png_of(PIXELS)})
    first, second = (arrival.record for arrival in arrived(folder, pseudonyms))
    assert first.patient_id == second.patient_id
    assert first.study_id != second.study_id
    assert first.instance_uid != second.instance_uid


def test_the_older_table_with_ages_like_058y_is_read(layout: Callable[..., Path], pseudonyms: Pseudonyms) -> None:
    folder = layout("a.png,No Finding,0,7,058Y,M,PA,1,1,1,1,", header=HEADER + ",")
    assert arrived(folder, pseudonyms)[0].record.age == 58.0


def test_images_may_lie_in_many_folders(tmp_path: Path, png_of: PngOf, pseudonyms: Pseudonyms) -> None:
    for number, name in enumerate(("a.png", "b.png"), 1):
        (tmp_path / f"images_00{number}" / "images").mkdir(parents=True)
        (tmp_path / f"images_00{number}" / "images" / name).write_bytes(png_of(PIXELS))
    rows = [GOOD.format(name=name) for name in ("a.png", "b.png")]
    (tmp_path / "Data_Entry_2017.csv").write_text("\n".join([HEADER, *rows]))
    assert len(arrived(tmp_path, pseudonyms)) == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.png,No Finding,0,7,412,M,PA,1,1,1,1", "age_out_of_range"),
        ("a.png,No Finding,0,7,old,M,PA,1,1,1,1", "unreadable_age"),
        ("a.png,No Finding,0,7,58,X,PA,1,1,1,1", "unknown_sex"),
        ("a.png,No Finding,first,7,58,M,PA,1,1,1,1", "unreadable_follow_up"),
        ("a.png,No Finding,0,,58,M,PA,1,1,1,1", "no_PatientID"),
    ],
)
def test_an_impossible_row_is_refused(
    layout: Callable[..., Path], pseudonyms: Pseudonyms, row: str, reason: str
) -> None:
    assert refused(layout(row), pseudonyms) == [reason]


def test_a_missing_image_is_refused_and_so_is_an_image_without_row(
    layout: Callable[..., Path], pseudonyms: Pseudonyms, png_of: PngOf
) -> None:
    folder = layout(GOOD.format(name="gone.png"), images={"stray.png": png_of(PIXELS)})
    assert refused(folder, pseudonyms) == ["missing_image", "image_without_row"]


def test_a_row_given_twice_counts_once(layout: Callable[..., Path], pseudonyms: Pseudonyms) -> None:
    row = GOOD.format(name="a.png")
    assert refused(layout(row, row), pseudonyms) == ["row_twice"]


def test_damaged_and_foreign_images_are_refused_each_for_its_reason(
    layout: Callable[..., Path], pseudonyms: Pseudonyms, png_of: PngOf
) -> None:
    whole = png_of(PIXELS)
    images = {
        "a.png": whole[:-30], "b.png": b"", "c.png": png_of(PIXELS.astype(np.uint16)),
        "d.png": png_of(np.stack([PIXELS] * 3, -1)), "e.png": b"GIF89a, this is no PNG at all, whatever its name",
    }  # fmt: skip
    folder = layout(*(GOOD.format(name=name) for name in images), images=images)
    wanted = ["png_truncated", "empty_file", "png_bit_depth", "png_colour", "not_png"]
    assert refused(folder, pseudonyms) == wanted


def test_a_missing_column_is_named(layout: Callable[..., Path], pseudonyms: Pseudonyms) -> None:
    folder = layout(GOOD.format(name="a.png"), header=HEADER.replace("Patient Age", "Age"))
    with pytest.raises(ConfigurationError, match="lacks the column Patient Age"):
        open_source("nih_cxr", folder, pseudonyms)


def test_a_folder_without_table_or_images_is_refused(
    tmp_path: Path, layout: Callable[..., Path], pseudonyms: Pseudonyms
) -> None:
    with pytest.raises(ConfigurationError, match="0 tables"):
        open_source("nih_cxr", tmp_path, pseudonyms)
    with pytest.raises(ConfigurationError, match="no images"):
        open_source("nih_cxr", layout(GOOD.format(name="a.png"), images={}), pseudonyms)


def test_a_table_without_rows_is_refused(layout: Callable[..., Path], pseudonyms: Pseudonyms) -> None:
    with pytest.raises(ConfigurationError, match="has no row"):
        open_source("nih_cxr", layout(), pseudonyms)
