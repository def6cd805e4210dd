"""A use case that segments, from a folder of volumes to its gate, each stage as DVC runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.dicom.volume import Volume
from radloop.errors import StudyRejected
from radloop.files import read_json
from radloop.gate import read_gate
from radloop.ingest import ingest
from radloop.mask_bundle import load_mask_bundle
from radloop.nifti import Nifti, nifti_bytes
from radloop.params import Params, Segmentation, override
from radloop.settings import PROJECT
from radloop.sources import open_source
from radloop.stages import run_stage

CASE = "hippocampus"
SMALL = {
    "plan.memory_mib": 2000.0, "plan.first_filters": 8, "plan.largest_batch": 4, "segment.epochs": 4,
    "segment.steps": 12, "segment.patience": 4, "segment.judged": 3, "segment.learning_rate": 0.01,
    "segment.average_decay": 0.7, "delineate.flips": False, "overlap.bootstrap": 1000, "overlap.smallest_group": 4,
    "overlap.dice_floor": 0.5, "validate.smallest_rows": 10, "split.test": 0.3, "split.validation": 0.2,
}  # fmt: skip
VERBS = ("validate", "split", "plan", "resample", "segment", "export", "delineate", "overlap")


def write_pairs(folder: Path, patients: int) -> None:
    """Volumes with a bright ball (1) and a dark one (2) that lie elsewhere in each patient."""
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    (folder / "dataset.json").write_text('{"modality": {"0": "MRI"}}')
    places = np.stack(np.meshgrid(*(np.arange(22),) * 3, indexing="ij"), -1)
    for patient in range(patients):
        rng = np.random.default_rng(patient)
        image, mask = rng.normal(100, 5, (22, 22, 22)).astype(np.float32), np.zeros((22, 22, 22), np.uint8)
        low, high = rng.integers(5, 8, 3), rng.integers(14, 17, 3)
        swap = rng.random(3) < 0.5
        for number, middle, grey in ((1, np.where(swap, low, high), 60), (2, np.where(swap, high, low), -60)):
            inside = np.linalg.norm(places - middle, axis=-1) < 4
            image[inside] += grey
            mask[inside] = number
        for part, voxels in (("imagesTr", image), ("labelsTr", mask)):
            affine = np.diag([-1.0, 1.0, 1.0, 1.0])
            (folder / part / f"case_{patient:03}.nii").write_bytes(nifti_bytes(Nifti(voxels, affine, 1.0, 0.0)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which every stage has run."""
    folder = tmp_path_factory.mktemp("segmentation")
    (folder / "params.yaml").write_text((PROJECT / "params.yaml").read_text())
    override(folder / "params.yaml", {f"{CASE}.{name}": value for name, value in SMALL.items()})
    write_pairs(folder / "incoming", 40)
    source = open_source("msd", folder / "incoming", Pseudonyms(b"a key that only this test knows...."))
    ingest(source, folder / "data" / CASE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("RADLOOP_HOME", str(folder / "home"))
        patch.setenv("RADLOOP_THREADS", "1")
        patch.setenv("RADLOOP_WORKERS", "1")
        for verb in VERBS:
            run_stage(verb, CASE)
    return folder


def out(place: Path, verb: str) -> Path:
    return place / "out" / CASE / verb


def test_its_chain_is_the_one_of_the_params() -> None:
    assert tuple(Params.load(PROJECT).verbs(CASE)) == VERBS


def test_the_model_learns_and_its_gate_opens(place: Path) -> None:
    gate = read_gate(out(place, "overlap") / "gate.json")
    assert gate.open, gate.failed
    metrics = read_json(out(place, "overlap") / "metrics.json")
    scalars = metrics["scalars"]
    assert scalars["dice"] > 0.6 and scalars["dice_low"] < scalars["dice"] < scalars["dice_high"]
    assert scalars["difference_atlas"] > 0.2
    assert {"dice_1", "dice_2", "surface_dice", "hausdorff_95_mm"} <= set(scalars)
    assert metrics["bundle"] == (out(place, "export") / "bundle.sha256").read_text().strip()


def test_no_patient_teaches_and_is_asked(place: Path) -> None:
    index = pd.read_parquet(out(place, "resample") / "index.parquet")
    asked = pd.read_parquet(out(place, "delineate") / "predictions.parquet")
    taught = index[index["split"] != "test"]
    assert len(asked) == (index["split"] == "test").sum() > 5
    assert not set(taught["patient_id"]) & set(asked["patient_id"])


def test_the_plan_is_made_of_the_training_cases_alone(place: Path) -> None:
    index = pd.read_parquet(out(place, "resample") / "index.parquet")
    fingerprint = read_json(out(place, "plan") / "fingerprint.json")
    assert fingerprint["cases"] == (index["split"] == "train").sum()
    assert read_json(out(place, "plan") / "summary.json")["cases"]["train"] == fingerprint["cases"]


def test_what_is_served_says_what_was_judged(place: Path) -> None:
    bundle = load_mask_bundle(out(place, "export") / "bundle")
    assert bundle.labels == {1: "anterior", 2: "posterior"}
    check = read_json(out(place, "export") / "check.json")
    assert check["largest_difference"] <= check["tolerance"]
    with pytest.raises(StudyRejected, match="2 images, and the model looks at 1"):
        bundle.segment([Volume(np.zeros((22, 22, 22), np.float32), np.eye(4))] * 2)


def test_the_same_patient_stored_another_way_round_gets_the_same_mask(place: Path) -> None:
    write_pairs(place / "again", 1)
    from radloop.nifti import read_nifti

    image = read_nifti((place / "again" / "imagesTr" / "case_000.nii").read_bytes())
    volume = Volume.from_ras(image.values(), image.affine)
    turned = Volume(np.ascontiguousarray(volume.voxels.transpose(2, 0, 1)[::-1]), _turned(volume.affine, 22))
    bundle = load_mask_bundle(out(place, "export") / "bundle")
    straight, other = bundle.segment([volume]), bundle.segment([turned])
    assert np.array_equal(straight.transpose(2, 0, 1)[::-1], other)
    assert set(np.unique(straight)) == {0, 1, 2}


def _turned(affine: np.ndarray, side: int) -> np.ndarray:
    """The affine after `transpose(2, 0, 1)[::-1]`."""
    moved = affine[:, [2, 0, 1, 3]].copy()
    moved[:3, 3] += moved[:3, 0] * (side - 1)
    moved[:3, 0] *= -1
    return moved


def test_the_page_shows_cases_and_needs_no_other_file(place: Path) -> None:
    page = (out(place, "overlap") / "report.html").read_text()
    assert "The gate is open" in page and page.count("data:image/png;base64,") == 4
    assert "http://" not in page and "https://" not in page
    asked = pd.read_parquet(out(place, "delineate") / "predictions.parquet")
    assert not any(patient in page for patient in asked["patient_id"])


def test_a_structure_without_a_number_is_refused_when_the_params_are_read(tmp_path: Path) -> None:
    case = Params.load(PROJECT).use_case(CASE)
    assert isinstance(case, Segmentation)
    with pytest.raises(ValueError, match="not numbered 1, 2, 3"):
        type(case.task)(**{**case.task.model_dump(), "labels": {2: "anterior"}})
