"""Real volumes and masks through a snapshot and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radloop.catalog import Admission, read_catalog, read_content
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.read import parse_dicom
from radloop.dicom.series import series_volume
from radloop.dicom.structures import read_structures, structure_mask
from radloop.ingest import ingest
from radloop.sources import open_source
from radloop.volumes import read_mask, read_volume, region_names

pytestmark = pytest.mark.real
KEY = Pseudonyms(b"a key that only this test knows....")


def test_the_hippocampi_come_in_whole_with_their_labels(shared_data: Path, tmp_path: Path) -> None:
    source = open_source("msd", shared_data / "msd_hippocampus", KEY)
    assert ingest(source, tmp_path / "d") == Admission(admitted=420)
    frame = read_catalog(tmp_path / "d")
    assert frame["role"].value_counts().to_dict() == {"image": 210, "mask": 210}
    assert frame["patient_id"].nunique() == frame["series_id"].nunique() == 210
    for _, series in list(frame.groupby("series_id"))[:20]:
        volume = read_volume(tmp_path / "d", series)
        mask = read_mask(tmp_path / "d", next(series[series["role"] == "mask"].itertuples()), volume)
        assert set(np.unique(mask)) == {0, 1, 2}
        np.testing.assert_allclose(volume.spacing, 1, atol=1e-3)


def test_dicom_series_in_a_snapshot_equal_their_nifti_twins_in_another(shared_data: Path, tmp_path: Path) -> None:
    pairs = ingest(open_source("nifti", shared_data / "sts_sarcoma", KEY), tmp_path / "pairs")
    assert pairs == Admission(admitted=132)
    ingest(open_source("dicom_folder", shared_data / "dicom_sts_004", KEY), tmp_path / "dicom")
    twins, slices = read_catalog(tmp_path / "pairs"), read_catalog(tmp_path / "dicom")
    slices = slices[slices["role"] != "mask"]
    twins = twins[twins["patient_id"] == KEY.patient("STS_004")]
    assert set(twins["modality"]) == {"MR", "PT"}
    for modality in ("MR", "PT"):
        twin = read_volume(tmp_path / "pairs", twins[twins["modality"] == modality])
        volume = read_volume(tmp_path / "dicom", slices[slices["modality"] == modality])
        np.testing.assert_allclose(volume.affine, twin.affine, atol=1e-4)
        np.testing.assert_allclose(volume.voxels, twin.voxels, rtol=1e-6)
        mask = twins[(twins["modality"] == modality) & (twins["role"] == "mask")]
        assert read_mask(tmp_path / "pairs", next(mask.itertuples()), twin).any()


def test_real_contours_in_a_snapshot_draw_what_the_files_draw(shared_data: Path, tmp_path: Path) -> None:
    ingest(open_source("dicom_folder", shared_data / "dicom_sts_004", KEY), tmp_path / "d")
    frame = read_catalog(tmp_path / "d")
    masks = frame[frame["role"] == "mask"]
    assert len(masks) == 3 and (masks["of"] == masks["series_id"]).all()
    for name, modality in (("CT", "CT"), ("MR_T1", "MR"), ("PET", "PT")):
        images = frame[frame["modality"] == modality]
        row = next(masks[masks["series_id"].isin(images["series_id"])].itertuples())
        volume = read_volume(tmp_path / "d", frame[frame["series_id"] == row.series_id])
        stored = read_mask(tmp_path / "d", row, volume)
        folder = shared_data / "dicom_sts_004" / name
        plain = series_volume(parse_dicom(path.read_bytes()) for path in (folder / "image").glob("*.dcm"))
        structure = read_structures(parse_dicom((folder / "mask" / "RS.dcm").read_bytes()))[0]
        direct = structure_mask(structure, plain)
        assert 2 * (direct & (stored > 0)).sum() / (direct.sum() + (stored > 0).sum()) == 1.0 and direct.any()
        assert region_names(tmp_path / "d", row) == {1: f"GTV Mass {name}".replace("_", " ")}
        content = read_content(tmp_path / "d", row)
        assert not [word for word in (b"STS_004", b"STS", b"1.3.6.1.4.1.14519", b"IBSI") if word in content]
