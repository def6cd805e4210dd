"""From image and mask to one row: what changes it, what must not, and what it says of itself."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from pydantic import ValidationError
from pydicom.sr._concepts_dict import concepts

from radloop.dicom.volume import Volume
from radloop.errors import ConfigurationError
from radloop.radiomics import Discretise, Resample, Resegment, RoiSettings, extract, feature, features
from radloop.radiomics.knobs import AGGREGATIONS, FAMILIES

Draw = Callable[..., Volume]
Lump = tuple[np.ndarray, np.ndarray]
ALL = RoiSettings(discretise=Discretise(how="fbs", width=1), aggregations=AGGREGATIONS)
SPACE = RoiSettings(discretise=Discretise(how="fbs", width=1), aggregations=("3D_comb", "3D_avg"))


def same(one: dict[str, float], other: dict[str, float]) -> None:
    assert one.keys() == other.keys()
    np.testing.assert_allclose([*one.values()], [*other.values()], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
def test_turning_image_and_mask_together_changes_no_feature_in_space(
    draw: Draw, lump: Lump, axes: tuple[int, ...], flips: tuple[int, ...]
) -> None:
    def turned(voxels: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(voxels.transpose(axes)[tuple(slice(None, None, flip) for flip in flips)])

    values, inside = lump
    wanted = extract(draw(values), draw(inside), SPACE)
    same(dict(extract(draw(turned(values)), draw(turned(inside)), SPACE).values), dict(wanted.values))


def test_moving_the_region_within_a_larger_image_changes_no_feature(draw: Draw, lump: Lump) -> None:
    values, inside = lump
    local = RoiSettings(**{**ALL.model_dump(), "families": tuple(one for one in FAMILIES if one != "loc")})
    wanted = extract(draw(values), draw(inside), local)
    moved = extract(
        draw(np.pad(values, ((5, 1), (0, 3), (2, 0)))), draw(np.pad(inside, ((5, 1), (0, 3), (2, 0)))), local
    )
    same(dict(moved.values), dict(wanted.values))


def test_what_lies_outside_the_region_is_seen_by_local_peaks_alone(draw: Draw, lump: Lump) -> None:
    values, inside = lump
    other = np.where(inside > 0, values, 9 - values)
    one, two = (extract(draw(image), draw(inside), ALL).values for image in (values, other))
    assert {tag for tag in one if one[tag] != two[tag]} <= {"loc_peak_loc", "loc_peak_glob"}
    assert one["loc_peak_glob"] != two["loc_peak_glob"]


def test_an_offset_of_intensities_leaves_texture_and_histogram_as_they_are(draw: Draw, lump: Lump) -> None:
    values, inside = lump
    settings = RoiSettings(families=("ih", "cm", "rlm", "szm", "dzm", "ngt", "ngl"), aggregations=AGGREGATIONS)
    wanted = extract(draw(values), draw(inside), settings)
    same(dict(extract(draw(values * 8 - 1024), draw(inside), settings).values), dict(wanted.values))


def test_every_feature_and_aggregation_is_offered_and_named(draw: Draw, lump: Lump) -> None:
    found = extract(draw(lump[0]), draw(lump[1]), ALL).values
    assert len(found) == 483
    assert {feature(tag).tag for tag in found} == set(features()) and len(features()) == 170
    assert {feature(tag).family for tag in found} == {features()[tag].family for tag in features()}


def test_identifiers_are_those_that_dicom_names() -> None:
    told = {code for codes in concepts["IBSI"].values() for code in codes}
    ours = [one.id for one in features().values()]
    assert len(set(ours)) == len(ours) and all(len(one) == 4 for one in ours)
    # four of boxes and ellipsoids are left out, for nobody agrees on their values
    assert told - set(ours) == {"ZH1A", "IQYR", "SWZ1", "BRI8"}


def test_an_unknown_tag_has_no_name() -> None:
    assert feature("szm_lze_2_5D").id == "48P8" and feature("morph_volume").name == "Volume (mesh)"
    with pytest.raises(ConfigurationError, match="no feature is called"):
        feature("szm_lze_4D")


def test_a_row_carries_its_settings_and_equal_settings_have_equal_hashes(draw: Draw, lump: Lump) -> None:
    row = extract(draw(lump[0], (1, 1, 2)), draw(lump[1], (1, 1, 2)), SPACE).row()
    assert row["settings"] == SPACE.hash == RoiSettings.model_validate(SPACE.model_dump(mode="json")).hash
    assert row["settings.discretise.width"] == 1 and row["settings.aggregations"] == "3D_comb 3D_avg"
    assert row["spacing.k"] == 2 and row["voxels"] == int(lump[1].sum()) and row["levels"] == 5
    hashes = {
        RoiSettings(**knobs).hash
        for knobs in (
            {}, {"coarseness": 1}, {"resample": Resample(spacing=(1, 1, 1))}, {"label": 1},
            {"resegment": Resegment(outliers=3)}, {"discretise": Discretise(bins=33)},
        )
    }  # fmt: skip
    assert len(hashes) == 6


def test_one_voxel_has_a_volume_and_no_texture_and_says_why(draw: Draw) -> None:
    inside = np.zeros((5, 5, 5))
    inside[2, 2, 2] = 1
    found = extract(draw(np.full((5, 5, 5), 3.0)), draw(inside), ALL)
    assert found.values["stat_mean"] == 3 and found.values["morph_volume"] == pytest.approx(1 / 6)
    for tag in ("morph_pca_flatness", "morph_moran_i", "cm_contrast_3D_comb", "ngt_contrast_2D", "ivh_v10"):
        assert math.isnan(found.values[tag]) and found.undefined[tag] == "the region has one voxel"
    assert not any(math.isinf(value) for value in found.values.values())


def test_an_even_region_says_why_it_lacks_features(draw: Draw) -> None:
    found = extract(draw(np.full((4, 4, 4), 3.0)), draw(np.ones((4, 4, 4))))
    assert found.undefined["morph_geary_c"] == "all intensities of the region are equal"


def test_only_what_is_asked_for_is_computed(draw: Draw, lump: Lump) -> None:
    found = extract(draw(lump[0]), draw(lump[1]), RoiSettings(families=("szm", "stat"), aggregations=("2_5D_comb",)))
    assert {tag.partition("_")[0] for tag in found.values} == {"stat", "szm"}
    assert all(tag.startswith("stat") or tag.endswith("_2_5D") for tag in found.values)


@pytest.mark.parametrize(
    "knobs",
    [
        {"families": ()}, {"families": ("glcm",)}, {"aggregations": ("3D",)}, {"resegment": {"range": (3, 1)}},
        {"resample": {"spacing": (1, -1, 1)}}, {"discretise": {"bins": 0}}, {"bins": 32},
    ],
)  # fmt: skip
def test_knobs_that_make_no_sense_are_refused(knobs: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RoiSettings.model_validate(knobs)


def test_a_second_extraction_gives_the_same_bits(draw: Draw, lump: Lump) -> None:
    settings = RoiSettings(resample=Resample(spacing=(0.7, 0.7, 0.7)), resegment=Resegment(outliers=2))
    one, two = (extract(draw(lump[0]), draw(lump[1]), settings).values for _ in range(2))
    assert one == two
