"""The simulated hospital as a whole: same knobs, same bytes; findings with masks; valid DICOM."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pydicom
import pytest

from radloop.errors import ConfigurationError
from radloop.simulate.dicom_out import instance_uid
from radloop.simulate.findings import FINDINGS, PNEUMONIA
from radloop.simulate.hospital import Truth, simulate, simulate_study
from radloop.simulate.identities import identity
from radloop.simulate.knobs import Hospital
from radloop.simulate.population import study
from radloop.simulate.truth import bounding_box, from_run_lengths, run_lengths

HOSPITAL = Hospital(seed=5, image_size=128)
N = 17


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return simulate(HOSPITAL, N, tmp_path_factory.mktemp("hospital") / "films", workers=1)


def test_the_number_of_workers_changes_no_byte(truth: Truth, tmp_path: Path) -> None:
    other = simulate(HOSPITAL, N, tmp_path / "films", workers=2)
    names = sorted(path.name for path in truth.folder.iterdir())
    assert names == sorted(path.name for path in other.folder.iterdir())
    for name in names:
        assert (truth.folder / name).read_bytes() == (other.folder / name).read_bytes(), name


def test_another_seed_gives_other_films_and_other_people(truth: Truth) -> None:
    other = replace(HOSPITAL, seed=6)
    assert not np.array_equal(simulate_study(HOSPITAL, 0)[0], simulate_study(other, 0)[0])
    assert instance_uid(5, study(HOSPITAL, 0)) != instance_uid(6, study(other, 0))


def test_two_periods_of_one_hospital_share_no_uid_and_no_patient() -> None:
    later = replace(HOSPITAL, first_patient=1_000_000)
    first, second = ([study(h, k) for k in range(40)] for h in (HOSPITAL, later))
    assert not {instance_uid(5, s) for s in first} & {instance_uid(5, s) for s in second}
    assert not {identity(5, s).number for s in first} & {identity(5, s).number for s in second}


def test_every_file_is_a_valid_digital_radiograph_that_says_it_is_simulated(truth: Truth) -> None:
    for row in truth.table.to_pylist():
        data = pydicom.dcmread(truth.folder / row["file"])
        assert data.SOPInstanceUID == row["sop_instance_uid"]
        assert (data.Modality, data.BodyPartExamined, data.ViewPosition) == ("DX", "CHEST", row["view"])
        assert (data.BitsAllocated, data.BitsStored, data.PixelRepresentation) == (16, 12, 0)
        assert data.pixel_array.shape == (128, 128)
        assert data.pixel_array.max() <= 4095
        assert "SIMULATED" in data.ImageComments
        assert data.Manufacturer.startswith("Simulated")
        assert all(pydicom.uid.UID(u).is_valid for u in (data.SOPInstanceUID, data.StudyInstanceUID))


def test_the_header_holds_invented_identity_for_de_identification_to_remove(truth: Truth) -> None:
    data = pydicom.dcmread(truth.folder / "000000.dcm")
    assert all((data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientAddress))
    private = [element for element in data if element.tag.is_private]
    assert any(str(data.PatientName) in str(element.value) for element in private)


def test_age_and_birth_date_agree(truth: Truth) -> None:
    for path in truth.folder.glob("*.dcm"):
        data = pydicom.dcmread(path, stop_before_pixels=True)
        years = (int(data.StudyDate) - int(data.PatientBirthDate)) / 10000
        assert int(data.PatientAge[:3]) == pytest.approx(years, abs=1)


def test_a_mask_is_there_if_and_only_if_its_finding_is() -> None:
    seen = set()
    for index in range(60):
        _, masks, planned = simulate_study(HOSPITAL, index)
        assert set(masks) == set(planned.severities)
        assert all(mask.any() and mask.shape == (128, 128) for mask in masks.values()), index
        seen |= set(masks)
    assert seen == set(FINDINGS)


def test_a_consolidation_makes_its_mask_denser_and_leaves_the_rest(truth: Truth) -> None:
    index = next(k for k in range(200) if study(HOSPITAL, k).severities.get(PNEUMONIA, 0) > 0.5)
    pixels, masks, planned = simulate_study(HOSPITAL, index)
    well, _, _ = simulate_study(replace(HOSPITAL, prevalence=0.0), index)
    sign = -1.0 if planned.scanner.monochrome1 else 1.0
    assert planned.view == study(replace(HOSPITAL, prevalence=0.0), index).view
    gain = sign * (pixels.astype(float) - well.astype(float))
    assert gain[masks[PNEUMONIA]].mean() > gain[~masks[PNEUMONIA]].mean() + 60


def test_the_label_file_says_what_was_recorded(truth: Truth) -> None:
    with (truth.folder / "labels.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    recorded = {row["sop_instance_uid"]: row["recorded"] for row in truth.table.to_pylist()}
    assert {r["sop_instance_uid"]: [f for f in r["findings"].split("|") if f] for r in rows} == recorded


def test_the_truth_file_gives_the_masks_back(truth: Truth) -> None:
    table = pq.read_table(truth.folder / "truth.parquet")
    assert table.to_pylist() == truth.table.to_pylist()
    for row in table.to_pylist():
        _, masks, _ = simulate_study(HOSPITAL, row["index"])
        for drawn in row["masks"]:
            mask = from_run_lengths(drawn["runs"], (128, 128))
            np.testing.assert_array_equal(mask, masks[drawn["finding"]])
            assert drawn["box"] == bounding_box(mask)


def test_run_lengths_survive_a_mask_that_begins_with_true() -> None:
    mask = np.eye(4, dtype=bool)
    np.testing.assert_array_equal(from_run_lengths(run_lengths(mask), (4, 4)), mask)


def test_progress_is_told_of_every_study(tmp_path: Path) -> None:
    told: list[int] = []
    simulate(replace(HOSPITAL, image_size=64), 3, tmp_path / "films", workers=1, progress=told.append)
    assert told == [1, 1, 1]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ConfigurationError, match="not empty"):
        simulate(HOSPITAL, 1, tmp_path)
    with pytest.raises(ConfigurationError, match="0 studies"):
        simulate(HOSPITAL, 0, tmp_path / "films")
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_a_general_writer_would_write_the_same_elements(truth: Truth, tmp_path: Path) -> None:
    for path in sorted(truth.folder.glob("*.dcm"))[:6]:
        data = pydicom.dcmread(path)
        for element in data.iterall():
            assert element.VR == "SQ" or element.value is not None
        data.save_as(tmp_path / "again.dcm", enforce_file_format=True)
        assert (tmp_path / "again.dcm").read_bytes() == path.read_bytes()
