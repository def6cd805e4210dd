"""Real volumes: their fingerprint, the plan that is made of it, and measures of real masks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from radloop.dicom.volume import Volume
from radloop.nifti import read_nifti
from radloop.sections.segmentation import Planning
from radloop.segmentation.fingerprint import fingerprint
from radloop.segmentation.grids import canonical_grid, sample_back, sample_labels
from radloop.segmentation.measures import measure_case
from radloop.segmentation.plan import plan

pytestmark = pytest.mark.real


def hippocampi(shared_data: Path, every: int) -> Iterator[tuple[list[Volume], np.ndarray]]:
    for path in sorted((shared_data / "msd_hippocampus" / "labelsTr").glob("*.nii.gz"))[::every]:
        image = read_nifti((path.parents[1] / "imagesTr" / path.name).read_bytes())
        yield [Volume.from_ras(image.values(), image.affine)], read_nifti(path.read_bytes()).labels()


def test_the_hippocampi_are_planned_as_whole_cases_of_two_labels(shared_data: Path) -> None:
    found = fingerprint(hippocampi(shared_data, 1), (1, 2), 3)
    assert found.cases == 210 and found.spacing == pytest.approx((1, 1, 1), abs=1e-3)
    assert [found.structures[label].cases for label in (1, 2)] == [210, 210]
    assert all(0.01 < one.share < 0.05 and 1 < one.millilitres < 3 for one in found.structures.values())
    assert found.intensity[0].each, "MR has no scale of its own"
    made = plan(found, Planning(memory_mib=4000.0, first_filters=16))
    assert made.axes == 3 and made.classes == 3 and not made.over_batch
    assert all(side >= extent for side, extent in zip(made.patch, found.extent, strict=True))
    assert made.memory_mib <= 4000 and made.batch >= 2


def test_a_real_mask_that_goes_to_another_grid_and_back_stays_nearly_what_it_was(shared_data: Path) -> None:
    for (image,), mask in hippocampi(shared_data, 70):
        grid = canonical_grid(image, (0.7, 0.8, 0.9))
        there = sample_labels(mask, image, grid)
        back = sample_back(np.stack([there == number for number in range(3)]).astype(np.float32), grid, image)
        for one in measure_case(back, mask, image.spacing, (1, 2), 1.0).values():
            assert one.dice is not None and one.dice > 0.95 and one.surface_dice == pytest.approx(1, abs=0.005)
            assert abs(one.volume_error or 0) < 0.03
