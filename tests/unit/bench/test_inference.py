"""The bench of engines compares what they say before it times them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from radloop.bench import inference
from radloop.bench.inference import PLAIN, Subject, classifier, in_turns, time_engines, unet
from radloop.errors import RadloopError
from radloop.modeling.networks import Network


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "SECONDS", 0.001)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return classifier(tmp_path_factory.mktemp("bench") / "c", "tiny", Network("resnet10", 2, 48, filters=8))


def test_every_engine_at_hand_is_timed_beside_torch(subject: Subject) -> None:
    found = {one.engine: one for one in time_engines(subject, 1, turns=2)}
    others = ["OpenVINO", "OpenVINO int8"] if find_spec("openvino") else []
    assert list(found) == [PLAIN, "torch channels_last", "ONNX Runtime", "ONNX Runtime int8", *others]
    assert found[PLAIN].times_as_fast == 1 and found[PLAIN].goal == ""
    assert all(one.ms > 0 and one.by_cpu > 0 and one.turns == 2 and one.threads == 1 for one in found.values())
    assert found["ONNX Runtime"].goal.startswith("at least 1.8: ")
    assert found["ONNX Runtime int8"].goal.startswith("at least 5: ")
    assert found["ONNX Runtime"].beside_torch.startswith("answers of ONNX Runtime at most")


def test_an_engine_that_says_something_else_is_not_timed(subject: Subject) -> None:
    other = Subject("other", nn.Sequential(nn.Flatten(), Lying()), subject.folder, subject.image, "logit", (1, 1))
    with pytest.raises(RadloopError, match="answers of ONNX Runtime differ"):
        time_engines(other, 1, turns=1)


class Lying(nn.Module):
    """A network that says another logit."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().mean(1)


def test_a_unet_is_timed_by_its_own_goals(tmp_path: Path) -> None:
    found = {one.engine: one for one in time_engines(unet(tmp_path / "u", 32, (4, 8, 16, 32, 64)), 1, turns=1)}
    assert found["ONNX Runtime"].goal.startswith("at least 1.4: ")
    assert "torch channels_last" not in found
    assert found["ONNX Runtime"].network == "U-Net 4 to 64, 32 px"


def test_the_ways_take_turns() -> None:
    seen: list[str] = []

    def way(name: str) -> inference.Way:
        return lambda: seen.append(name) or np.zeros(1)

    found = in_turns({PLAIN: way("a"), "other": way("b")}, 2)
    assert [len(seconds) for seconds in found.values()] == [2, 2]
    runs = [name for at, name in enumerate(seen) if at == 0 or seen[at - 1] != name]
    assert runs == ["a", "b", "a", "b"]
    assert seen.count("b") >= 2 * 4
