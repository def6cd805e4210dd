from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from radloop.bundle import load_bundle
from radloop.errors import GateClosed
from radloop.files import read_json
from radloop.intervals import Interval
from radloop.modeling.noninferiority import Comparison
from radloop.modeling.runtimes import OPENVINO
from radloop.params import Package
from radloop.stages import package
from radloop.stages.package import compare, examples, run, snapshot_md5


def test_onnx_equals_torch_on_real_images_within_the_tolerance(hospital) -> None:
    check = read_json(hospital.out("package") / "check.json")
    assert check["images"] > 10
    assert 0.0 < check["largest_difference"] <= hospital.case.package.tolerance


def test_an_export_that_answers_otherwise_closes_the_gate(hospital) -> None:
    class Other:
        def infer(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return np.zeros(len(batch), np.float32), np.zeros((len(batch), 512), np.float32)

    images = examples(hospital.folder / hospital.paths.stage(hospital.case.name, "prepare"))
    engine = load_bundle(hospital.out("package") / "bundle").engine
    with pytest.raises(GateClosed, match="ONNX differs from torch"):
        compare(engine, Other(), images, Package(opset=18, tolerance=1e-4))


def test_the_bundle_is_named_by_its_hash(hospital) -> None:
    bundle = load_bundle(hospital.out("package") / "bundle")
    assert (hospital.out("package") / "bundle.sha256").read_text().strip() == bundle.hash


def test_packaging_again_gives_the_same_name(hospital, monkeypatch, tmp_path) -> None:
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


def packaged(hospital, folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: object) -> Path:
    """What package writes with other knobs, in a folder that sees the hospital's other stages."""
    monkeypatch.chdir(folder)
    out = folder / hospital.paths.stage(hospital.case.name, "package").parent
    out.mkdir(parents=True)
    for verb in ("prepare", "train", "calibrate"):
        (out / verb).symlink_to(hospital.out(verb))
    knobs = hospital.case.package.model_copy(update=changes)
    run(hospital.case.model_copy(update={"package": knobs}), hospital.paths)
    return out / "package"


def test_integers_that_keep_their_margin_are_judged_and_served(hospital, tmp_path: Path, monkeypatch) -> None:
    made = packaged(hospital, tmp_path, monkeypatch, int8_margin=0.2)
    told, manifest = read_json(made / "check.json")["int8"], read_json(made / "bundle" / "bundle.json")
    assert told["accepted"] and told["metric"] == "AUROC" and told["difference"]["low"] > -0.2
    assert manifest["engine"]["file"] == "model.int8.onnx" and {"model.onnx", "model.int8.onnx"} < set(
        manifest["files"]
    )
    images = examples(hospital.out("prepare"))
    whole, floats = load_bundle(made / "bundle"), load_bundle(hospital.out("package") / "bundle")
    assert whole.hash != floats.hash
    apart = np.abs(whole.predict(images).score - floats.predict(images).score)
    assert 0 < apart.max() < 0.2


def test_integers_that_lose_more_are_left_out_and_told(hospital, tmp_path: Path, monkeypatch) -> None:
    def worse(*_: object) -> Comparison:
        interval = Interval(-0.02, -0.03, -0.01, 30, 10, "paired")
        return Comparison("AUROC", 0.9, 0.88, interval, 0.01)

    monkeypatch.setattr(package, "compare_auroc", worse)
    made = packaged(hospital, tmp_path, monkeypatch, int8_margin=0.01)
    assert not read_json(made / "check.json")["int8"]["accepted"]
    assert (made / "bundle.sha256").read_text() == (hospital.out("package") / "bundle.sha256").read_text()
    assert not (made / "bundle" / "model.int8.onnx").exists()


def test_integers_are_the_same_whenever_they_are_made(hospital, tmp_path: Path, monkeypatch) -> None:
    names = []
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        made = packaged(hospital, tmp_path / folder, monkeypatch, int8_margin=0.2)
        names.append((made / "bundle.sha256").read_text())
    assert names[0] == names[1]


@pytest.mark.skipif(find_spec("openvino") is None, reason=f"the extra is not installed: {OPENVINO}")
def test_the_engine_that_is_asked_for_judges_and_is_named(hospital, tmp_path: Path, monkeypatch) -> None:
    made = packaged(hospital, tmp_path, monkeypatch, engine="openvino")
    manifest = read_json(made / "bundle" / "bundle.json")
    assert manifest["engine"]["name"] == "openvino" and manifest["versions"]["openvino"].startswith("2026.4")
    assert load_bundle(made / "bundle").runtime == "openvino"
    assert 0 < read_json(made / "check.json")["largest_difference"] <= hospital.case.package.tolerance
