from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from radloop.errors import ConfigurationError
from radloop.files import sha256_file
from radloop.modeling.backbones import Body, build_body
from radloop.modeling.networks import Network, build
from radloop.modeling.pretrained import transfer


def body(channels: int = 1) -> torch.nn.Module:
    return build_body(Body("resnet18", 2, channels, 8, 2))[0]


def stored(path: Path, weights: dict[str, torch.Tensor]) -> tuple[Path, str]:
    if path.suffix == ".safetensors":
        save_file({name: value.contiguous() for name, value in weights.items()}, path)
    else:
        torch.save({"epoch": 3, "state_dict": {f"module.{name}": value for name, value in weights.items()}}, path)
    return path, sha256_file(path)


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
def test_a_body_learns_all_that_a_file_knows_of_it(name: str, tmp_path: Path) -> None:
    teacher, pupil = body(), build(Network("resnet18", 2, 32, filters=8))
    told = transfer(pupil.backbone, *stored(tmp_path / name, teacher.state_dict()))
    assert set(told.taken) == set(teacher.state_dict())
    assert told.missing == told.unexpected == told.other_shape == told.summed == ()
    assert all(torch.equal(value, pupil.backbone.state_dict()[key]) for key, value in teacher.state_dict().items())


def test_missing_unexpected_and_unfitting_weights_are_told_and_the_rest_is_taken(tmp_path: Path) -> None:
    weights = dict(body().state_dict())
    del weights["layer1.0.conv1.weight"]
    weights |= {"fc.weight": torch.zeros(10, 64), "layer2.0.conv1.weight": torch.zeros(4, 4, 3, 3)}
    told = transfer(body(), *stored(tmp_path / "w.safetensors", weights))
    assert told.missing == ("layer1.0.conv1.weight",) and told.unexpected == ("fc.weight",)
    assert told.other_shape == ("layer2.0.conv1.weight",) and "conv1.weight" in told.taken


def test_a_first_layer_of_three_colours_answers_to_grey_as_to_equal_colours(tmp_path: Path) -> None:
    teacher, pupil = body(3).eval(), body().eval()
    told = transfer(pupil, *stored(tmp_path / "w.safetensors", teacher.state_dict()))
    assert told.summed == ("conv1.weight",)
    grey = torch.rand(2, 1, 32, 32)
    with torch.inference_mode():
        assert torch.allclose(pupil(grey), teacher(grey.expand(-1, 3, -1, -1)), atol=1e-5)


def test_a_changed_file_is_refused_and_nothing_is_learnt(tmp_path: Path) -> None:
    path, promised = stored(tmp_path / "w.safetensors", body().state_dict())
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    pupil = body()
    before = pupil.conv1.weight.clone()
    with pytest.raises(ConfigurationError, match="SHA-256"):
        transfer(pupil, path, promised)
    assert torch.equal(pupil.conv1.weight, before)


class Bomb:
    """What runs code when it is unpacked."""

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return Path.touch, (Path("ran"),)


def test_a_file_that_holds_code_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, write in {
        "torch.pth": torch.save,
        "plain.pkl": lambda value, path: path.write_bytes(pickle.dumps(value)),
    }.items():
        write({"conv1.weight": Bomb()}, tmp_path / name)
        with pytest.raises(ConfigurationError, match="tensors alone"):
            transfer(body(), tmp_path / name, sha256_file(tmp_path / name))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x08\x00\x00\x00\x00\x00\x00\x00nonsense"])
@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_a_file_of_no_tensors_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match="tensors alone"):
        transfer(body(), tmp_path / name, sha256_file(tmp_path / name))


def test_a_file_of_another_network_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="none is of this network"):
        transfer(body(), *stored(tmp_path / "w.safetensors", {"encoder.weight": torch.zeros(3, 3)}))
    with pytest.raises(ConfigurationError, match="no weights at"):
        transfer(body(), tmp_path / "nowhere.pth", "0" * 64)
