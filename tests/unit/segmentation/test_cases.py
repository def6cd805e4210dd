from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from radloop.dicom.volume import Volume
from radloop.errors import ConfigurationError
from radloop.modeling.export import export_segmenter
from radloop.segmentation.cases import planned_grid, prepare_images, prepare_mask, segment
from radloop.segmentation.engines import OnnxSegmenter
from radloop.segmentation.fingerprint import fingerprint
from radloop.segmentation.knobs import Knobs
from radloop.segmentation.measures import measure_case
from radloop.segmentation.networks import build_segmenter
from radloop.segmentation.plan import Plan, plan

Case = tuple[list[Volume], np.ndarray]


def case(seed: int, spacing: tuple[float, float, float] = (1.0, 1.0, 2.0), mm: int = 24) -> Case:
    """A bright ball of 5 to 8 mm somewhere in noise."""
    rng = np.random.default_rng(seed)
    shape = tuple(round(mm / step) for step in spacing)
    axes = np.meshgrid(*[(np.arange(n) + 0.5) * step for n, step in zip(shape, spacing, strict=True)], indexing="ij")
    centre, radius = rng.uniform(9, mm - 9, 3), rng.uniform(5, 8)
    inside = sum((axis - at) ** 2 for axis, at in zip(axes, centre, strict=True)) <= radius**2
    voxels = (inside * 2.0 + rng.normal(0, 0.3, shape)).astype(np.float32)
    return [Volume(voxels, np.diag([*spacing, 1.0]))], inside.astype(np.int32)


def planned(**fixed: Any) -> Plan:
    known = {"network": "unet", "filters": (4, 8, 16), "memory_mib": 2000.0, "batch": 4}
    return plan(fingerprint((case(seed) for seed in range(4)), (1,), 10), Knobs(**{**known, **fixed}))


class Threshold:
    """An engine that calls what is bright."""

    def infer(self, batch: np.ndarray) -> np.ndarray:
        return np.concatenate([np.zeros_like(batch), (batch - 1.0) * 9], axis=1)


def test_a_case_on_its_own_grid_is_only_scaled() -> None:
    (image,), mask = case(0)
    made = planned()
    assert made.spacing == (1.0, 1.0, 2.0)
    assert np.array_equal(prepare_images([image], made)[0], made.intensity[0].apply(image.voxels))
    assert np.array_equal(prepare_mask(mask, image.spacing, made), mask)


def test_a_case_on_another_grid_keeps_its_volume_and_its_place() -> None:
    images, mask = case(1)
    fine = planned(spacing=(0.8, 0.8, 1.0))
    shown, labels = prepare_images(images, fine), prepare_mask(mask, images[0].spacing, fine)
    assert shown.shape == (1, 30, 30, 24) and labels.shape == (30, 30, 24)
    assert labels.sum() * 0.64 == pytest.approx(mask.sum() * 2.0, rel=0.05)
    middle = [
        (np.mean(np.nonzero(one), axis=1) + 0.5) * np.array(step)
        for one, step in ((labels, (0.8, 0.8, 1.0)), (mask, (1.0, 1.0, 2.0)))
    ]
    assert np.abs(middle[0] - middle[1]).max() < 0.2
    assert shown[0][labels == 1].mean() > 1 > shown[0][labels == 0].mean()


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 2.0), (0.8, 1.2, 1.5)])
def test_labels_lie_on_the_grid_of_the_images_whatever_the_plan(axes: int, spacing: tuple[float, ...]) -> None:
    images, mask = case(2, (1.0, 1.0, 2.0))
    labels = segment(Threshold(), images, planned(axes=axes, spacing=spacing), flips=(0,))
    assert labels.shape == mask.shape and labels.dtype == np.uint8
    found = measure_case(labels, mask, images[0].spacing, (1,), 1.0)[1]
    assert found.dice is not None and found.dice > 0.75


def test_slices_are_kept_where_they_are_learnt_one_by_one() -> None:
    flat = planned(axes=2, spacing=(0.5, 0.5, 9.0))
    assert planned_grid((24, 24, 12), np.array([1.0, 1.0, 2.0]), flat) == (48, 48, 12)


def test_a_case_of_other_channels_than_planned_is_refused() -> None:
    images, _ = case(0)
    with pytest.raises(ConfigurationError, match="2 images for a plan of 1"):
        prepare_images([*images, *images], planned())


def test_a_planned_network_learns_is_exported_and_finds_what_it_has_not_seen(tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    made = planned(network="dynunet", supervised=1)
    network = build_segmenter(made.segmenter).train()
    shown = torch.from_numpy(np.stack([prepare_images(case(seed)[0], made) for seed in range(16)]))
    truths = torch.from_numpy(np.stack([case(seed)[1] for seed in range(16)]))
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    for step in range(60):
        chosen = [(4 * step + at) % 16 for at in range(4)]
        optimizer.zero_grad()
        made.loss(network(shown[chosen]), truths[chosen]).backward()
        optimizer.step()
    export_segmenter(network, (1, *made.patch), 18, tmp_path / "model.onnx")
    images, truth = case(99)
    labels = segment(OnnxSegmenter(tmp_path / "model.onnx", 1), images, made, flips=(0, 1))
    found = measure_case(labels, truth, images[0].spacing, (1,), 2.0)[1]
    assert found.dice is not None and found.dice > 0.85
    assert found.surface_dice is not None and found.surface_dice > 0.9
