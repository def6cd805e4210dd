"""A field planted on real MR, which has one of its own: what the planted one adds must be found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radloop.imaging.bias_field import bias_field
from radloop.imaging.nonlocal_means import tissue
from radloop.nifti import read_nifti
from radloop.sections.noise import BiasField

pytestmark = pytest.mark.real


def planted(shape: tuple[int, ...]) -> np.ndarray:
    i, j, k = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    return np.asarray(np.exp(0.35 * i + 0.2 * j**2 - 0.15 * k))


def variation(values: np.ndarray) -> float:
    return float(values.std() / values.mean())


def left_of_planted(path: Path) -> float:
    """The share of the planted field's variation, within tissue, that correction leaves."""
    image = read_nifti(path.read_bytes())
    voxels, spacing = np.asarray(image.voxels, np.float64), tuple(np.linalg.norm(image.affine[:3, :3], axis=0))
    field, inside = planted(voxels.shape), tissue(voxels)
    own, both = (bias_field(seen, spacing, BiasField()) for seen in (voxels, voxels * field))
    return variation((field * own / both)[inside]) / variation(field[inside])


@pytest.mark.parametrize(
    ("pattern", "step", "most"),
    [("sts_sarcoma/*/MR_T1_image.nii.gz", 2, 0.5), ("msd_hippocampus/imagesTr/*.nii.gz", 10, 0.7)],
)
def test_a_field_planted_on_real_mr_is_found_for_the_most_part(
    shared_data: Path, pattern: str, step: int, most: float
) -> None:
    left = [left_of_planted(path) for path in sorted(shared_data.glob(pattern))[::step]]
    print(f"{pattern}: share left {np.round(np.quantile(left, (0.05, 0.5, 0.95)), 3)} of {len(left)} volumes")
    assert np.median(left) < most
