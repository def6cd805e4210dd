from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from radloop.dicom.volume import Volume
from radloop.segmentation.grids import (
    Grid,
    canonical_grid,
    nearest_axes,
    sample,
    sample_back,
    sample_labels,
    turned,
)


def ramp(affine: np.ndarray, shape: tuple[int, ...] = (9, 8, 7)) -> Volume:
    """A volume whose values are x + 2 y + 3 z of its places in millimetres."""
    places = np.stack(np.meshgrid(*(np.arange(side) for side in shape), indexing="ij"), -1).reshape(-1, 3)
    millimetres = places @ affine[:3, :3].T + affine[:3, 3]
    return Volume((millimetres @ [1.0, 2.0, 3.0]).reshape(shape).astype(np.float32), affine)


def placed(spacing: tuple[float, ...] = (1.0, 1.0, 1.0), order: tuple[int, ...] = (0, 1, 2), signs=(1, 1, 1)):
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (patient, sign) in enumerate(zip(order, signs, strict=True)):
        affine[patient, axis] = sign * spacing[axis]
    affine[:3, 3] = (-20.0, 5.0, 40.0)
    return affine


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (1, -1, -1)])
def test_every_way_of_storing_a_patient_reaches_the_network_the_same_way_round(order, signs) -> None:
    volume = ramp(placed((1.0, 1.0, 1.0), order, signs))
    grid = canonical_grid(volume, (1.0, 1.0, 1.0))
    assert np.allclose(grid.affine[:3, :3], np.eye(3))
    assert sorted(grid.shape) == sorted(volume.voxels.shape)
    sampled = sample(volume, grid)
    assert np.allclose(sampled, ramp(grid.affine, grid.shape).voxels, atol=1e-4)


def test_equal_spacing_resamples_nothing() -> None:
    volume = ramp(placed())
    grid = canonical_grid(volume, (1.0, 1.0, 1.0))
    assert np.allclose(grid.affine, volume.affine)
    assert np.array_equal(sample(volume, grid), volume.voxels)


@pytest.mark.parametrize("spacing", [(0.7, 1.3, 2.0), (2.0, 2.0, 2.0)])
def test_another_spacing_keeps_the_place_of_every_value(spacing: tuple[float, ...]) -> None:
    volume = ramp(placed((1.0, 1.5, 2.0)), (20, 18, 16))
    grid = canonical_grid(volume, spacing)
    assert np.allclose(grid.spacing, spacing)
    covered = np.array(grid.shape) * grid.spacing
    assert (covered >= np.array(volume.voxels.shape) * volume.spacing - 0.02 * grid.spacing).all()
    inner = (slice(4, -4),) * 3
    assert np.allclose(sample(volume, grid)[inner], ramp(grid.affine, grid.shape).voxels[inner], atol=0.05)


def test_a_tilted_volume_keeps_its_tilt() -> None:
    turn = np.radians(20)
    affine = placed((1.0, 1.0, 2.0))
    affine[:3, :3] = (
        np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]]) @ affine[:3, :3]
    )
    volume = ramp(affine)
    grid = canonical_grid(volume, (1.0, 1.0, 2.0))
    assert np.allclose(grid.affine, volume.affine)


def test_axes_are_found_though_two_of_them_lean_towards_one_side() -> None:
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0.8, 0.7, 0.0], [-0.6, 0.7, 0.1], [0.0, -0.1, -0.99]])
    order, signs = nearest_axes(affine)
    assert sorted(order) == [0, 1, 2]
    assert signs[2] == -1


def test_noise_of_fine_voxels_is_averaged_on_a_coarser_grid() -> None:
    rng = np.random.default_rng(0)
    volume = Volume(rng.normal(size=(48, 48, 48)).astype(np.float32), np.eye(4))
    coarse = sample(volume, canonical_grid(volume, (4.0, 4.0, 4.0)))
    picked = volume.voxels[2::4, 2::4, 2::4]
    assert coarse.std() < 0.3 * picked.std()


def ball(volume: Volume, radius: float) -> np.ndarray:
    places = np.stack(np.meshgrid(*(np.arange(side) for side in volume.voxels.shape), indexing="ij"), -1)
    middle = volume.positions((np.array(volume.voxels.shape) - 1)[None] / 2)
    away = np.linalg.norm(volume.positions(places.reshape(-1, 3)) - middle, axis=1)
    return (away < radius).reshape(volume.voxels.shape)


def test_a_mask_goes_to_the_network_s_grid_and_comes_back() -> None:
    volume = Volume(np.zeros((40, 36, 20), np.float32), placed((1.0, 1.0, 2.0), (1, 2, 0), (-1, 1, -1)))
    labels = ball(volume, 12.0).astype(np.uint8)
    labels[ball(volume, 6.0)] = 2
    grid = canonical_grid(volume, (1.5, 1.5, 1.5))
    there = sample_labels(labels, volume, grid)
    assert set(np.unique(there)) == {0, 1, 2}
    millilitres = [(there == number).sum() * 1.5**3 for number in (1, 2)]
    assert millilitres == pytest.approx([(labels == number).sum() * 2.0 for number in (1, 2)], rel=0.1)
    back = sample_back(np.stack([there == number for number in range(3)]).astype(np.float32), grid, volume)
    for number in (1, 2):
        one, other = back == number, labels == number
        assert 2 * (one & other).sum() / (one.sum() + other.sum()) > 0.9


def test_on_its_own_grid_a_mask_stays_as_it_is() -> None:
    volume = ramp(placed())
    labels = (ball(volume, 3.0) * 3).astype(np.uint8)
    assert np.array_equal(sample_labels(labels, volume, Grid.of(volume)), labels)


def test_another_modality_of_the_patient_lands_on_the_same_grid() -> None:
    fine, coarse = ramp(placed((1.0, 1.0, 3.0)), (30, 30, 10)), ramp(placed((5.0, 5.0, 3.0)), (8, 8, 12))
    grid = canonical_grid(fine, (1.0, 1.0, 3.0))
    inner = (slice(4, -4), slice(4, -4), slice(1, -1))
    assert np.allclose(sample(coarse, grid)[inner], sample(fine, grid)[inner], atol=0.05)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_volume_that_is_turned_keeps_every_voxel_in_its_place(order) -> None:
    volume = ramp(placed((1.0, 1.5, 2.0), order, (1, -1, -1)))
    straight = turned(volume)
    assert np.allclose(straight.affine[:3, :3], np.diag(straight.spacing))
    assert np.allclose(straight.voxels, ramp(straight.affine, straight.voxels.shape).voxels)
