from __future__ import annotations

import numpy as np
import pytest
import torch

from radloop.errors import ConfigurationError
from radloop.segmentation.engines import TorchSegmenter
from radloop.segmentation.inference import Window, predict_probabilities
from radloop.segmentation.networks import BUILDERS, Segmenter, build_segmenter


class Bright:
    """An engine that needs no context: the logit of class 1 is the grey value."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def infer(self, batch: np.ndarray) -> np.ndarray:
        self.shapes.append(batch.shape)
        return np.concatenate([np.zeros_like(batch[:, :1]), batch[:, :1]], axis=1)


def grey(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def segmenter(name: str, axes: int) -> TorchSegmenter:
    torch.manual_seed(0)
    return TorchSegmenter(build_segmenter(Segmenter.plain(name, axes, 1, 3, (8, 16, 32))))


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.asarray(torch.from_numpy(logits).softmax(dim=1).numpy())


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("axes", [2, 3])
def test_an_image_that_one_window_covers_gets_what_the_network_says_of_it_whole(name: str, axes: int) -> None:
    engine, size = segmenter(name, axes), (16, 12, 8)[:axes]
    image = grey(1, *size)
    walked = predict_probabilities(engine, image, Window((32,) * axes, (4,) * axes))
    assert walked.shape == (3, *size) and np.allclose(walked.sum(axis=0), 1, atol=1e-5)
    assert np.allclose(walked, softmax(engine.infer(image[None]))[0], atol=1e-5)


@pytest.mark.parametrize("size", [(50, 33), (7, 64), (40, 21, 9), (64, 16, 16)])
def test_windows_say_of_each_voxel_what_one_look_says_where_no_context_is_needed(size: tuple[int, ...]) -> None:
    image, window = grey(1, *size), Window((16,) * len(size), (4,) * len(size), batch=3)
    engine = Bright()
    walked = predict_probabilities(engine, image, window)
    assert walked.shape == (2, *size)
    assert np.allclose(walked[1], 1 / (1 + np.exp(-image[0])), atol=1e-5)
    assert max(shape[0] for shape in engine.shapes) == 3
    assert {shape[2:] for shape in engine.shapes} == {window.fitting(size)}


def test_the_middle_of_a_window_counts_most() -> None:
    class Sides:
        """Sure of class 1 in the first half of each window, of class 0 in the second."""

        def infer(self, batch: np.ndarray) -> np.ndarray:
            logits = np.zeros((len(batch), 2, *batch.shape[2:]), np.float32)
            logits[:, 1, :8], logits[:, 0, 8:] = 30, 30
            return logits

    walked = predict_probabilities(Sides(), np.zeros((1, 24, 16), np.float32), Window((16, 16), (4, 4)))[1, :, 8]
    # rows 8 to 15 are the second half of one window and the first half of the next
    assert walked[8] < 0.5 < walked[15] and (np.diff(walked[8:16]) > 0).all()
    assert walked[:8] == pytest.approx(1) and walked[16:] == pytest.approx(0)


def test_flips_make_the_answer_equal_for_a_mirrored_image() -> None:
    engine, image = segmenter("unet", 2), grey(1, 16, 24)
    plain, turned = Window((16, 24), (4, 4)), Window((16, 24), (4, 4), flips=(0, 1))
    mirrored = image[:, :, ::-1]
    assert not np.allclose(
        predict_probabilities(engine, image, plain), predict_probabilities(engine, mirrored, plain)[:, :, ::-1]
    )
    both = predict_probabilities(engine, image, turned)
    assert np.allclose(both, predict_probabilities(engine, mirrored, turned)[:, :, ::-1], atol=1e-5)
    looks = [
        np.flip(predict_probabilities(engine, np.flip(image, axes), plain), axes) for axes in ((), (1,), (2,), (1, 2))
    ]
    assert np.allclose(both, np.mean(looks, axis=0), atol=1e-5)


def test_labels_are_the_likeliest_classes() -> None:
    image = grey(1, 20, 20)
    labels = predict_probabilities(Bright(), image, Window((8, 8), (2, 2))).argmax(axis=0)
    assert np.array_equal(labels, image[0] > 0)


def test_windows_that_cannot_be_walked_and_images_that_cannot_be_seen_are_refused() -> None:
    for bad in (
        {"patch": (18, 16), "divisors": (4, 4)}, {"patch": (16,), "divisors": (4, 4)},
        {"patch": (16, 16), "divisors": (4, 4), "overlap": 1.0}, {"patch": (16, 16), "divisors": (4, 4), "flips": (2,)},
    ):  # fmt: skip
        with pytest.raises(ConfigurationError):
            Window(**bad)
    window = Window((16, 16), (4, 4))
    with pytest.raises(ConfigurationError, match="3 axes for windows of 2"):
        predict_probabilities(Bright(), grey(1, 8, 8, 8), window)
    with pytest.raises(ValueError, match="not finite"):
        predict_probabilities(Bright(), np.full((1, 8, 8), np.nan, np.float32), window)
