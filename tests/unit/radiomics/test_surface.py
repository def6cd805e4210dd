"""The mesh around a region, beside solids whose measures are known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from radloop.radiomics.surface import area_and_volume, vertices

UNIT = np.ones(3)


def test_one_voxel_is_an_octahedron() -> None:
    mask = np.pad(np.ones((1, 1, 1), bool), 1)
    area, volume = area_and_volume(mask, UNIT)
    assert area == pytest.approx(math.sqrt(3)) and volume == pytest.approx(1 / 6)
    assert len(vertices(mask, UNIT)) == 6


def test_a_box_loses_its_edges_and_corners_alone() -> None:
    area, volume = area_and_volume(np.pad(np.ones((2, 2, 2), bool), 1), UNIT)
    # 8 corner cells hold 1/48 each, 12 edges of length 1 an eighth, 6 faces a half, and the middle cell is full
    assert volume == pytest.approx(8 / 48 + 12 / 8 + 6 / 2 + 1)
    assert area == pytest.approx(8 * math.sqrt(3) / 8 + 12 * math.sqrt(0.5) + 6)


def test_a_ball_has_nearly_the_volume_of_a_ball_in_any_spacing() -> None:
    spacing = np.array([0.5, 1.0, 2.0])
    places = np.stack(np.meshgrid(*(np.arange(-24, 24.1, s) for s in spacing), indexing="ij"))
    area, volume = area_and_volume((places**2).sum(axis=0) <= 20**2, spacing)
    assert volume == pytest.approx(4 / 3 * math.pi * 20**3, rel=0.01)
    # stairs are longer than the slope they follow
    assert 1 < area / (4 * math.pi * 20**2) < 1.2


def test_a_hollow_counts_as_surface_and_not_as_volume() -> None:
    solid = np.pad(np.ones((5, 5, 5), bool), 1)
    hollow = solid.copy()
    hollow[3, 3, 3] = False
    (area, volume), (more, less) = area_and_volume(solid, UNIT), area_and_volume(hollow, UNIT)
    assert more == pytest.approx(area + math.sqrt(3)) and less == pytest.approx(volume - 1 / 6)


def test_turning_or_mirroring_a_region_changes_neither_area_nor_volume() -> None:
    mask = np.pad(np.random.default_rng(2).random((6, 5, 4)) < 0.5, 1)
    wanted = area_and_volume(mask, UNIT)
    for axes, flips in itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)):
        turned = np.ascontiguousarray(mask.transpose(axes)[tuple(slice(None, None, flip) for flip in flips)])
        assert area_and_volume(turned, UNIT) == pytest.approx(wanted, rel=1e-9)


def test_two_regions_far_apart_add_up() -> None:
    random = np.random.default_rng(5)
    one, other = (np.pad(random.random((4, 4, 4)) < 0.5, 2) for _ in range(2))
    both = np.concatenate([one, other])
    summed = np.add(area_and_volume(one, UNIT), area_and_volume(other, UNIT))
    assert area_and_volume(both, UNIT) == pytest.approx(tuple(summed))
