"""A segmenter's bundle: volumes in, a mask on the voxels of the first out, by the engine that was judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from radloop.bundle import ONNX, hash_of, verified_manifest
from radloop.dicom.volume import Volume
from radloop.errors import ConfigurationError, StudyRejected
from radloop.segmentation.engines import OnnxSegmenter, SegmentationEngine
from radloop.segmentation.grids import sample_back
from radloop.segmentation.inference import predict_volume
from radloop.segmentation.plan import Plan
from radloop.segmentation.preprocess import plan_grid, scaled_channels


@dataclass(frozen=True)
class MaskBundle:
    """A loaded bundle of a segmenter: its plan, its structures, and its answers."""

    hash: str
    manifest: dict[str, Any]
    engine: SegmentationEngine

    @cached_property
    def plan(self) -> Plan:
        """The grid, the scale and the patch with which it was taught."""
        return Plan(**self.manifest["plan"])

    @cached_property
    def labels(self) -> dict[int, str]:
        """The number of each structure in a mask, with its name."""
        return {int(number): str(name) for number, name in self.manifest["labels"].items()}

    def segment(self, images: Sequence[Volume]) -> np.ndarray:
        """The mask of a case, uint8 [i, j, k] on the voxels of its first image.

        `images`: one volume for each channel, on any grids of one frame of reference. Raises StudyRejected for
        another number of images or voxels that are no numbers.
        """
        if len(images) != self.plan.channels:
            raise StudyRejected(
                "channels", f"{len(images)} images, and the model looks at {self.plan.channels}.", "send all of them"
            )
        if not all(np.isfinite(image.voxels).all() for image in images):
            raise StudyRejected("not_finite", "an image has voxels that are no numbers.", "send the image again")
        grid = plan_grid(images[0], self.plan)
        window = self.plan.window(self.manifest["window"]["overlap"], tuple(self.manifest["window"]["flips"]))
        probability = predict_volume(self.engine, scaled_channels(images, grid, self.plan), window)
        return sample_back(probability, grid, images[0])


def load_mask_bundle(folder: Path, threads: int | None = None) -> MaskBundle:
    """Load a segmenter's bundle after checking every byte; `threads` are by default those it was judged with.

    Raises ConfigurationError where it is another kind's, or as `radloop.bundle.verified_manifest` does.
    """
    manifest = verified_manifest(folder)
    if manifest.get("kind") != "segmentation":
        raise ConfigurationError("the bundle is no segmenter's", "name the folder of a packaged segmenter")
    engine = OnnxSegmenter(folder / ONNX, threads or manifest["engine"]["threads"])
    return MaskBundle(hash_of(manifest), manifest, engine)
