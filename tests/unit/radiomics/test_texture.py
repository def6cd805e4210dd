"""Texture matrices of four by four voxels, beside values worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from radloop.radiomics.emphasis import Table, emphases
from radloop.radiomics.kernels import border_distance
from radloop.radiomics.knobs import AGGREGATIONS, RoiSettings
from radloop.radiomics.texture import texture_features
from radloop.radiomics.voxels import LevelBox

#: One plane of four levels.
PLANE = np.array([[1, 2, 2, 3], [1, 2, 3, 3], [4, 2, 4, 1], [4, 1, 2, 3]])


def found(levels: np.ndarray, **knobs: Any) -> dict[str, float]:
    box = np.pad(levels.reshape(*levels.shape, *(1,) * (3 - levels.ndim)), 1).astype(np.int32)
    return texture_features(LevelBox(box, box > 0), RoiSettings(**knobs))


def test_pairs_of_a_row_by_hand() -> None:
    # along the only direction with pairs, 1 1 2 has the pairs 1-1 and 1-2: shares 1/2, 1/4, 1/4
    seen = found(np.array([[1], [1], [2]]), families=("cm",))
    assert seen["cm_joint_max_3D_comb"] == 0.5 and seen["cm_contrast_3D_comb"] == 0.5
    assert seen["cm_joint_avg_3D_comb"] == 1.25 and seen["cm_joint_var_3D_comb"] == pytest.approx(0.1875)
    assert seen["cm_joint_entr_3D_comb"] == pytest.approx(1.5) and seen["cm_energy_3D_comb"] == pytest.approx(0.375)
    assert seen["cm_sum_avg_3D_comb"] == 2.5 and seen["cm_auto_corr_3D_comb"] == pytest.approx(1.5)
    assert seen["cm_corr_3D_comb"] == pytest.approx((1.5 - 1.25**2) / 0.1875)
    assert seen["cm_inv_diff_3D_comb"] == 0.75 and seen["cm_inv_var_3D_comb"] == 0.5
    assert seen["cm_inv_diff_mom_norm_3D_comb"] == pytest.approx(0.5 + 0.5 / (1 + 1 / 4))
    side = -0.75 * math.log2(0.75) - 0.25 * math.log2(0.25)
    assert seen["cm_info_corr1_3D_comb"] == pytest.approx((1.5 - 2 * side) / side)


def test_joint_features_are_those_of_the_matrix_itself() -> None:
    seen = found(PLANE, families=("cm",), aggregations=("2D_comb",))
    matrix = np.zeros((4, 4))
    for di, dj in ((1, 0), (0, 1), (1, 1), (1, -1)):
        for i, j in np.ndindex(4, 4):
            if 0 <= i + di < 4 and 0 <= j + dj < 4:
                one, other = PLANE[i, j] - 1, PLANE[i + di, j + dj] - 1
                matrix[one, other] += 1
                matrix[other, one] += 1
    share = matrix / matrix.sum()
    i, j = np.meshgrid(*(np.arange(1, 5),) * 2, indexing="ij")
    mean = (i * share).sum()
    wanted = {
        "contrast": ((i - j) ** 2 * share).sum(), "auto_corr": (i * j * share).sum(),
        "joint_var": ((i - mean) ** 2 * share).sum(), "clust_shade": ((i + j - 2 * mean) ** 3 * share).sum(),
        "clust_prom": ((i + j - 2 * mean) ** 4 * share).sum(), "dissimilarity": (abs(i - j) * share).sum(),
        "inv_diff_mom": (share / (1 + (i - j) ** 2)).sum(), "inv_diff_norm": (share / (1 + abs(i - j) / 4)).sum(),
        "energy": (share**2).sum(), "joint_entr": -(share[share > 0] * np.log2(share[share > 0])).sum(),
    }  # fmt: skip
    assert {tag: seen[f"cm_{tag}_2D_comb"] for tag in wanted} == pytest.approx(wanted)


def test_runs_of_a_row_by_hand() -> None:
    # 1 1 2 along its axis: a run of two and one of one; across it, twelve directions of three runs of one
    seen = found(np.array([[1], [1], [2]]), families=("rlm",), aggregations=("3D_comb", "3D_avg"))
    assert seen["rlm_sre_3D_comb"] == pytest.approx((37 + 1 / 4) / 38)
    assert seen["rlm_lre_3D_comb"] == pytest.approx((37 + 4) / 38)
    assert seen["rlm_r_perc_3D_comb"] == pytest.approx(38 / 39)
    assert seen["rlm_lre_3D_avg"] == pytest.approx((12 * 1 + 5 / 2) / 13)
    assert seen["rlm_lgre_3D_comb"] == pytest.approx((25 + 13 / 4) / 38)


def test_zones_touch_at_corners_and_their_distance_is_from_the_border() -> None:
    levels = np.full((5, 5), 1)
    levels[2, 2] = levels[1, 1] = 2
    seen = found(levels, families=("szm", "dzm"), aggregations=("2D_avg",))
    # one zone of 23 and one of 2, whose nearest voxel is two steps inside
    assert seen["szm_lze_2D"] == pytest.approx((23**2 + 2**2) / 2) and seen["szm_z_perc_2D"] == pytest.approx(2 / 25)
    assert seen["szm_zs_var_2D"] == pytest.approx(10.5**2) and seen["szm_hgze_2D"] == 2.5
    assert seen["dzm_sde_2D"] == pytest.approx((1 + 1 / 4) / 2) and seen["dzm_ldhge_2D"] == pytest.approx((1 + 16) / 2)
    assert seen["dzm_zd_entr_2D"] == pytest.approx(1)


def test_a_zone_that_winds_back_to_itself_is_one_zone() -> None:
    ring = np.full((5, 5), 2)
    ring[1:4, 1:4], ring[0, 2] = 1, 1
    comb = np.array([[1, 2, 1, 2, 1], [1, 2, 1, 2, 1], [1, 1, 1, 1, 1]])
    assert found(ring, families=("szm",), aggregations=("2D_avg",))["szm_z_perc_2D"] == pytest.approx(2 / 25)
    assert found(comb, families=("szm",), aggregations=("2D_avg",))["szm_z_perc_2D"] == pytest.approx(3 / 15)


def test_distance_is_from_the_region_of_shape_and_not_from_holes_of_intensity() -> None:
    mask = np.pad(np.ones((5, 5, 1), bool), 1)
    levels = mask.astype(np.int32)
    levels[2, 3, 1] = 0  # re-segmented away, one step from the middle
    seen = texture_features(LevelBox(levels, mask), RoiSettings(families=("dzm",), aggregations=("2D_avg",)))
    assert seen["dzm_sde_2D"] == 1
    levels[levels == 1] = 2
    levels[3, 3, 1] = 1
    seen = texture_features(LevelBox(levels, mask), RoiSettings(families=("dzm",), aggregations=("2D_avg",)))
    assert seen["dzm_lde_2D"] == pytest.approx((1 + 9) / 2)


def test_steps_to_the_border_are_counted_in_the_plane_or_in_space() -> None:
    mask = np.pad(np.ones((5, 5, 3), bool), 1)
    assert border_distance(mask, True)[3, 3, 1:4].tolist() == [3, 3, 3]
    assert border_distance(mask, False)[3, 3, 1:4].tolist() == [1, 2, 1]


def test_tones_of_a_cross_by_hand() -> None:
    # the middle differs from the mean of its four neighbours by 2, each of those from the mean of three others
    cross = np.array([[0, 1, 0], [1, 3, 1], [0, 1, 0]])
    seen = found(cross, families=("ngt",), aggregations=("2D_avg",))
    apart = 4 * abs(1 - 5 / 3), 2.0
    coarseness = 1 / (0.8 * apart[0] + 0.2 * apart[1])
    assert seen["ngt_coarseness_2D"] == pytest.approx(coarseness)
    assert seen["ngt_contrast_2D"] == pytest.approx(2 * 0.16 * 4 / 2 * sum(apart) / 5)
    assert seen["ngt_busyness_2D"] == pytest.approx(1 / coarseness / (2 * abs(0.8 - 3 * 0.2)))
    assert seen["ngt_strength_2D"] == pytest.approx(2 * 1.0 * 4 / sum(apart))


def test_dependence_counts_like_neighbours_and_how_coarse_like_is() -> None:
    row = np.array([[1], [1], [2], [4]])
    strict = found(row, families=("ngl",), aggregations=("3D_avg",))
    assert strict["ngl_hde_3D"] == pytest.approx((4 + 4 + 1 + 1) / 4) and strict["ngl_dc_perc_3D"] == 1
    assert strict["ngl_dc_energy_3D"] == pytest.approx(0.25 + 2 / 16)
    loose = found(row, families=("ngl",), aggregations=("3D_avg",), coarseness=1)
    assert loose["ngl_hde_3D"] == pytest.approx((4 + 9 + 4 + 1) / 4)


def test_an_even_region_has_the_values_that_the_standard_sets_for_it() -> None:
    seen = found(np.ones((3, 3), int), families=("cm", "ngt"))
    assert seen["cm_corr_3D_comb"] == 1 and seen["cm_info_corr1_3D_comb"] == seen["cm_joint_entr_3D_comb"] == 0
    assert seen["ngt_coarseness_3D"] == 1e6 and seen["ngt_busyness_3D"] == seen["ngt_strength_3D"] == 0


def test_a_plane_in_space_is_a_plane() -> None:
    seen = found(PLANE, aggregations=AGGREGATIONS, families=("cm", "szm", "dzm", "ngt", "ngl"))
    for tag in [tag for tag in seen if tag.endswith("_2_5D")]:
        assert seen[tag] == pytest.approx(seen[tag.replace("2_5D", "2D")])
        if not tag.startswith("dzm"):
            assert seen[tag] == pytest.approx(seen[tag.replace("2_5D", "3D")])


def test_a_slice_without_pairs_is_left_out_of_the_average() -> None:
    levels = np.zeros((3, 3, 2), int)
    levels[:, :, 0] = [[1, 2, 1], [2, 1, 2], [1, 2, 1]]
    levels[1, 1, 1] = 2
    both = found(levels, families=("cm",), aggregations=("2D_comb",))
    alone = found(levels[:, :, :1], families=("cm",), aggregations=("2D_comb",))
    assert both == pytest.approx(alone)


def test_merged_matrices_count_what_their_parts_count() -> None:
    random = np.random.default_rng(0)
    number, level, size = random.integers(0, 3, 99), random.integers(1, 4, 99), random.integers(1, 9, 99)
    merged = Table.of(number, level, size, np.full(3, 50)).merged()
    at_once = Table.of(np.zeros(99, int), level, size, np.array([150]))
    np.testing.assert_allclose(emphases(merged), emphases(at_once))
