"""One image at a time through every engine, beside PyTorch as anybody would write it.

The networks are untrained: what integers cost a metric is judged where a model is packaged, not here.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import nn

from radloop.bench.clock import TURNS, load, met
from radloop.bench.ratios import same
from radloop.modeling.export import export_onnx, export_segmenter
from radloop.modeling.networks import Network, build
from radloop.modeling.quantise import quantise
from radloop.modeling.runtimes import Runtime, Session, open_session
from radloop.segmentation.networks import Segmenter, build_segmenter

PLAIN = "torch eager"
FULL, INT8 = "full.onnx", "int8.onnx"
RUNTIMES: dict[Runtime, str] = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
#: Largest difference of floats from torch, as a share of the largest value (or of 1).
TOLERANCE = 1e-4
CALIBRATING = 16
SECONDS = 0.5  # that one turn of the plain way takes, about
OPSET = 18

Way = Callable[[], np.ndarray]
Turn = tuple[float, float]  # wall seconds and processor seconds an image


@dataclass(frozen=True)
class Subject:
    """A network in torch and, in `folder`, as ONNX in floats and in integers; `goals`: how many times as fast."""

    name: str
    network: nn.Module
    folder: Path
    image: np.ndarray
    output: str
    goals: tuple[float, float]


@dataclass(frozen=True)
class Speed:
    """One engine on one network: median ms an image, and how many times as fast as the plain way, turn by turn.

    `by_cpu`: the same of the processor's time, which other work on the machine hardly changes.
    """

    network: str
    engine: str
    ms: float
    times_as_fast: float
    by_cpu: float
    goal: str
    beside_torch: str
    threads: int
    turns: int
    load: float


def subjects(folder: Path, packaged: Network, width: int) -> Iterator[Subject]:
    """The classifier that a use case packages, a plain ResNet-18, and a U-Net of `width` filters at its top."""
    yield classifier(folder / "packaged", f"{packaged.name} as packaged, {packaged.size} px", packaged)
    yield classifier(folder / "plain", "resnet18, 224 px", Network("resnet18", 2, 224))
    yield unet(folder / "unet", 256, tuple(width * 2**stage for stage in range(5)))


def classifier(folder: Path, name: str, spec: Network) -> Subject:
    """A classifier whose normalisations have seen some images."""
    folder.mkdir()
    torch.manual_seed(0)
    network, images = build(spec), _squares(spec.shape)
    with torch.no_grad():
        network.train()(torch.from_numpy(images))
    network.eval()
    export_onnx(network, spec.shape, OPSET, folder / FULL)
    quantise(folder / FULL, folder / INT8, (image[None] for image in images))
    return Subject(name, network, folder, images[:1], "logit", (1.8, 5.0))


def unet(folder: Path, side: int, filters: tuple[int, ...]) -> Subject:
    """The published U-Net in 2D, narrower, with two classes."""
    folder.mkdir()
    torch.manual_seed(0)
    network = build_segmenter(Segmenter.plain("unet", 2, 1, 2, filters)).eval()
    images = (_squares((1, side, side)).astype(np.float32) - 127.5) / 64
    export_segmenter(network, (1, side, side), OPSET, folder / FULL)
    quantise(folder / FULL, folder / INT8, (image[None] for image in images))
    name = f"U-Net {filters[0]} to {filters[-1]}, {side} px"
    return Subject(name, network, folder, images[:1], "logits", (1.4, 2.5))


def _squares(shape: tuple[int, ...]) -> np.ndarray:
    """Pictures of random coarse squares, uint8 [n, *shape], for a network that pools sees no difference in noise."""
    coarse = np.random.default_rng(0).integers(0, 256, (CALIBRATING, *shape), dtype=np.uint8)[..., ::16, ::16]
    return np.ascontiguousarray(np.kron(coarse, np.ones((16, 16), np.uint8))[..., : shape[-2], : shape[-1]])


def time_engines(subject: Subject, threads: int, turns: int = TURNS) -> list[Speed]:
    """Every engine at hand on one image, in turns, after their outputs were compared with torch's.

    Raises RadloopError where an engine of floats says something else.
    """
    torch.set_num_threads(threads)
    ways = dict(_ways(subject, threads))
    expected = ways[PLAIN]()
    told = {engine: _beside(engine, way(), expected) for engine, way in ways.items()}
    seconds = in_turns(ways, turns)
    return [_speed(subject, engine, seconds, told[engine], threads) for engine in ways]


def _ways(subject: Subject, threads: int) -> Iterator[tuple[str, Way]]:
    plain = copy.deepcopy(subject.network).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    yield PLAIN, _eager(plain, subject.image)
    if subject.output == "logit":
        yield "torch channels_last", _eager(subject.network, subject.image)
    for runtime, name in RUNTIMES.items():
        if find_spec(runtime):
            for file, suffix in ((FULL, ""), (INT8, " int8")):
                session = open_session(subject.folder / file, threads, runtime)
                yield name + suffix, _exported(session, subject)


def _exported(session: Session, subject: Subject) -> Way:
    return lambda: session.run([subject.output], {"image": subject.image})[0]


def _eager(network: nn.Module, image: np.ndarray) -> Way:
    def answer() -> np.ndarray:
        with torch.inference_mode():
            found = network(torch.from_numpy(image))
        return np.asarray((found[0] if isinstance(found, tuple) else found).numpy())

    return answer


def _beside(engine: str, found: np.ndarray, expected: np.ndarray) -> str:
    largest = max(1.0, float(np.abs(expected).max()))
    if not engine.endswith("int8"):
        return same(f"answers of {engine}", found, expected, TOLERANCE * largest)
    return f"at most {np.abs(found - expected).max():.1g} apart, of {largest:.2g}"


def in_turns(ways: Mapping[str, Way], turns: int) -> dict[str, list[Turn]]:
    """Each way in each turn, so that the machine's moods fall on all alike."""
    began = time.perf_counter()
    ways[PLAIN]()
    many = max(3, round(SECONDS / (time.perf_counter() - began)))
    seconds: dict[str, list[Turn]] = {engine: [] for engine in ways}
    for _ in range(turns):
        for engine, way in ways.items():
            way()
            began, worked = time.perf_counter(), time.process_time()
            for _ in range(many):
                way()
            seconds[engine].append(((time.perf_counter() - began) / many, (time.process_time() - worked) / many))
    return seconds


def _speed(subject: Subject, engine: str, seconds: Mapping[str, list[Turn]], told: str, threads: int) -> Speed:
    own = seconds[engine]
    times, by_cpu = (
        median(plain[part] / mine[part] for plain, mine in zip(seconds[PLAIN], own, strict=True)) for part in (0, 1)
    )
    wished = subject.goals[engine.endswith("int8")]
    goal = "" if engine.startswith("torch") else f"at least {wished:g}: {met(times >= wished)}"
    ms = 1000 * median(wall for wall, _ in own)
    return Speed(subject.name, engine, ms, times, by_cpu, goal, told, threads, len(own), load())
