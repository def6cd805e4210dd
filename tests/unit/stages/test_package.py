from __future__ import annotations

import numpy as np
import pytest

from radloop.bundle import load_bundle
from radloop.errors import GateClosed
from radloop.files import read_json
from radloop.params import Package
from radloop.stages.package import compare, examples, snapshot_md5


def test_onnx_equals_torch_on_real_images_within_the_tolerance(hospital) -> None:
    check = read_json(hospital.out("package") / "check.json")
    assert check["images"] > 10
    assert 0.0 < check["largest_difference"] <= hospital.case.package.tolerance


def test_an_export_that_answers_otherwise_closes_the_gate(hospital) -> None:
    class Other:
        def infer(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return np.zeros(len(batch), np.float32), np.zeros((len(batch), 512), np.float32)

    images = examples(hospital.folder / hospital.paths.stage(hospital.case.name, "prepare"))
    with pytest.raises(GateClosed, match="ONNX differs from torch"):
        compare(hospital.out("package") / "bundle", Other(), images, Package(opset=18, tolerance=1e-4))


def test_the_bundle_is_named_by_its_hash(hospital) -> None:
    bundle = load_bundle(hospital.out("package") / "bundle")
    assert (hospital.out("package") / "bundle.sha256").read_text().strip() == bundle.hash


def test_packaging_again_gives_the_same_name(hospital, monkeypatch, tmp_path) -> None:
    from radloop.stages.package import run

    before = (hospital.out("package") / "bundle.sha256").read_text()
    (tmp_path / "out").symlink_to(hospital.folder / "out")
    monkeypatch.chdir(tmp_path)
    run(hospital.case, hospital.paths)
    assert (hospital.out("package") / "bundle.sha256").read_text() == before


def test_the_manifest_says_where_the_model_comes_from_and_nothing_of_this_machine(hospital) -> None:
    text = (hospital.out("package") / "bundle" / "bundle.json").read_text()
    manifest = read_json(hospital.out("package") / "bundle" / "bundle.json")
    assert manifest["training"]["patients"] == 90 and manifest["training"]["snapshot_md5"] is None
    assert manifest["engine"] == {"name": "onnxruntime", "opset": 18, "threads": 1, "batch_shape": [64, 1, 32, 32]}
    assert str(hospital.folder) not in text
    model = (hospital.out("package") / "bundle" / "model.onnx").read_bytes()
    assert b"/src/radloop" not in model and b"site-packages" not in model


def test_the_snapshot_is_named_where_dvc_tracks_it(hospital, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "chest_pneumonia.dvc").write_text("outs:\n- md5: abc.dir\n  path: chest_pneumonia\n")
    assert snapshot_md5(hospital.paths, "chest_pneumonia") == "abc.dir"
