from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from radloop.bundle import Bundle, hash_of, load_bundle, write_bundle, write_projection
from radloop.errors import ConfigurationError, StudyRejected
from radloop.files import read_json, write_json
from radloop.modeling.export import export_onnx
from radloop.modeling.networks import Network, build
from radloop.modeling.quantise import quantise
from radloop.modeling.runtimes import OPENVINO
from radloop.records import Record

FILM = Record(
    record_id="r", patient_id="p", study_id="s", instance_uid="2.25.1", source="t", content_type="application/dicom",
    sha256="0", pixel_sha256="0", rows=2048, columns=2000, bits_stored=12, photometric_interpretation="MONOCHROME2",
    modality="DX", body_part="CHEST", view="PA",
)  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory, case) -> Path:
    """A bundle of an untrained network."""
    folder = tmp_path_factory.mktemp("bundle")
    torch.manual_seed(0)
    network = build(Network("resnet10", 2, 32, filters=8))
    export_onnx(network, (1, 32, 32), 18, folder / "model.onnx")
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, folder / "model.safetensors")
    write_projection(folder / "projection.safetensors", np.zeros(64, np.float32), np.eye(4, 64, dtype=np.float32))
    write_bundle(folder, {
        "use_case": case.name, "labels": [case.task.finding], "accepts": case.task.accepts.model_dump(mode="json"),
        "preprocess": {"size": 32, "low": 1.0, "high": 99.0},
        "calibration": {"temperature": 2.0, "offset": 0.5, "threshold": 0.4},
        "engine": {"threads": 1, "batch_shape": [8, 1, 32, 32]},
    })  # fmt: skip
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    for path in original.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.fixture(scope="module")
def bundle(original: Path) -> Bundle:
    return load_bundle(original)


@pytest.mark.parametrize("name", ["model.onnx", "model.safetensors", "projection.safetensors"])
def test_one_changed_byte_is_refused(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"{name} is not the file"):
        load_bundle(folder)


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    with pytest.raises(ConfigurationError, match=r"model\.onnx"):
        load_bundle(folder)
    with pytest.raises(ConfigurationError, match="lacks"):
        write_bundle(folder, {})


def test_a_folder_without_a_bundle_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no bundle"):
        load_bundle(tmp_path)


def test_a_bundle_of_a_later_format_is_refused(folder: Path) -> None:
    write_json(folder / "bundle.json", read_json(folder / "bundle.json") | {"format": 99})
    with pytest.raises(ConfigurationError, match="update radloop"):
        load_bundle(folder)


def test_any_change_of_the_manifest_changes_the_name(folder: Path, bundle: Bundle) -> None:
    manifest = read_json(folder / "bundle.json")
    assert hash_of(manifest) == bundle.hash
    assert hash_of(manifest | {"labels": ["Effusion"]}) != bundle.hash


def test_a_bundle_answers_with_calibrated_scores_decisions_and_projected_embeddings(bundle: Bundle) -> None:
    images = np.random.default_rng(0).integers(0, 256, (11, 32, 32), dtype=np.uint8)
    scores = bundle.predict(images)
    assert np.allclose(scores.score, 1 / (1 + np.exp(-(scores.logit.astype(float) - 0.5) / 2.0)))
    assert np.array_equal(scores.decision, scores.score >= 0.4)
    assert scores.embedding.shape == (11, 4) and scores.embedding.dtype == np.float32
    assert (bundle.threshold, bundle.temperature, bundle.finding) == (0.4, 2.0, "Pneumonia")


@pytest.mark.parametrize("images", [np.zeros((2, 32, 31), np.uint8), np.zeros((2, 32, 32), np.float32)])
def test_images_that_no_preprocess_made_are_a_bug(bundle: Bundle, images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="not uint8"):
        bundle.predict(images)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"modality": "CT"}, "modality is 'CT'"),
        ({"view": "LATERAL"}, "view is 'LATERAL'"),
        ({"body_part": "KNEE"}, "body_part is 'KNEE'"),
        ({"photometric_interpretation": "RGB"}, "photometric_interpretation is 'RGB'"),
        ({"bits_stored": 1}, "must be from 8 to 16"),
        ({"rows": 64}, "rows is 64"),
        ({"columns": 100}, "must be at least 128"),
    ],
)
def test_what_the_model_was_never_shown_is_refused_by_name(bundle: Bundle, changes: dict, words: str) -> None:
    with pytest.raises(StudyRejected, match=words) as caught:
        bundle.accepts(replace(FILM, **changes))
    assert caught.value.reason == "not_accepted"


def test_what_a_file_does_not_tell_is_let_through(bundle: Bundle) -> None:
    bundle.accepts(FILM)
    bundle.accepts(replace(FILM, modality=None, body_part=None, view=None, content_type="image/png"))


needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason=f"the extra is not installed: {OPENVINO}")
IMAGES = np.random.default_rng(0).integers(0, 256, (11, 32, 32), dtype=np.uint8)


@pytest.fixture
def integers(folder: Path) -> Path:
    """A bundle whose copy in integers was judged, by ONNX Runtime."""
    quantise(folder / "model.onnx", folder / "model.int8.onnx", (image[None, None] for image in IMAGES))
    manifest = read_json(folder / "bundle.json")
    write_bundle(folder, manifest | {"engine": manifest["engine"] | {"file": "model.int8.onnx"}})
    return folder


def test_a_bundle_that_names_no_network_is_of_floats_and_of_onnx_runtime(bundle: Bundle) -> None:
    assert "file" not in bundle.manifest["engine"] and bundle.runtime == "onnxruntime"


def test_the_hash_covers_integers_and_floats_alike(integers: Path, bundle: Bundle) -> None:
    found = load_bundle(integers)
    assert found.hash != bundle.hash
    assert not np.array_equal(found.predict(IMAGES).logit, bundle.predict(IMAGES).logit)
    for name in ("model.int8.onnx", "model.onnx"):
        content = (integers / name).read_bytes()
        (integers / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(ConfigurationError, match=f"{name} is not the file"):
            load_bundle(integers)
        (integers / name).write_bytes(content)
    (integers / "model.int8.onnx").unlink()
    with pytest.raises(ConfigurationError, match=r"model\.int8\.onnx"):
        load_bundle(integers)


def test_a_network_of_another_name_is_refused(folder: Path) -> None:
    manifest = read_json(folder / "bundle.json")
    write_json(folder / "bundle.json", manifest | {"engine": manifest["engine"] | {"file": "../model.onnx"}})
    with pytest.raises(ConfigurationError, match="update radloop"):
        load_bundle(folder)


@needs_openvino
def test_floats_are_run_by_the_machines_engine_to_the_same_answers(original: Path, bundle: Bundle) -> None:
    found = load_bundle(original, runtime="openvino")
    assert found.runtime == "openvino" and found.hash == bundle.hash
    one, other = found.predict(IMAGES), bundle.predict(IMAGES)
    assert np.abs(one.logit - other.logit).max() < 1e-4 and np.abs(one.embedding - other.embedding).max() < 1e-4


def test_integers_are_run_by_what_judged_them_whatever_the_machine_wants(integers: Path) -> None:
    judged, wanted = load_bundle(integers), load_bundle(integers, runtime="openvino")
    assert wanted.runtime == "onnxruntime"
    assert np.array_equal(judged.predict(IMAGES).logit, wanted.predict(IMAGES).logit)
