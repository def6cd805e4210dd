"""A series becomes one volume by position, or is refused with the reason."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import highdicom
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from radloop.dicom.pixels import display_values, stored_values
from radloop.dicom.series import series_volume
from radloop.dicom.volume import Volume
from radloop.errors import StudyRejected

Slice = Callable[..., Dataset]
Series = Callable[..., list[Dataset]]
TILT = np.radians(15)


def _reason(slices: list[Dataset], **options: Any) -> str:
    with pytest.raises(StudyRejected) as refused:
        series_volume(slices, **options)
    assert refused.value.next_step
    assert "Invented" not in str(refused.value)
    return refused.value.reason


def _assert_every_pixel_lies_where_its_header_says(volume: Volume, slices: list[Dataset]) -> None:
    """The equation C.7.6.2.1-1 of PS3.3, written out, against the affine."""
    for one in slices:
        cosines, spacing = np.array(one.ImageOrientationPatient, float), np.array(one.PixelSpacing, float)
        rows, columns = np.mgrid[: one.Rows, : one.Columns]
        places = (
            np.array(one.ImagePositionPatient, float)
            + columns[..., None] * spacing[1] * cosines[:3]
            + rows[..., None] * spacing[0] * cosines[3:]
        )
        indices = volume.indices(places.reshape(-1, 3))
        assert np.abs(indices - np.rint(indices)).max() < 1e-3
        i, j, k = np.rint(indices).astype(int).T
        np.testing.assert_array_equal(volume.voxels[i, j, k], stored_values(one).ravel())


def test_slices_are_ordered_by_position_and_not_by_number(series: Series) -> None:
    slices = series(7)
    numbers = random.Random(1).sample(range(1, 8), 7)
    for one, number in zip(slices, numbers, strict=True):
        one.InstanceNumber = number
    shuffled = random.Random(2).sample(slices, 7)
    volume = series_volume(shuffled)
    assert volume.voxels.shape == (5, 6, 7)
    assert [source.instance for source in volume.sources] == [one.SOPInstanceUID for one in slices]
    _assert_every_pixel_lies_where_its_header_says(volume, slices)
    np.testing.assert_allclose(volume.affine[:3, :3], np.diag([0.9, 0.7, 2.5]), atol=1e-12)
    np.testing.assert_allclose(volume.affine[:3, 3], [-10, -20, 30])


def test_a_series_from_head_to_feet_gives_the_same_volume(series: Series) -> None:
    slices = series()
    forth, back = series_volume(slices), series_volume(slices[::-1])
    np.testing.assert_array_equal(forth.voxels, back.voxels)
    np.testing.assert_array_equal(forth.affine, back.affine)


def test_feet_first_rows_and_columns_stay_right_handed(series: Series) -> None:
    slices = series(ImageOrientationPatient=[-1, 0, 0, 0, 1, 0])
    volume = series_volume(slices)
    assert np.linalg.det(volume.affine[:3, :3]) > 0
    assert volume.affine[2, 2] < 0, "against the normal of such rows and columns the head comes first"
    _assert_every_pixel_lies_where_its_header_says(volume, slices)


@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing=st.tuples(*[st.floats(0.2, 5)] * 3),
    origin=st.tuples(*[st.floats(-500, 500)] * 3),
    order=st.permutations(range(6)),
    count=st.integers(2, 6),
)
def test_any_oblique_stack_in_any_order_puts_every_voxel_in_its_place(
    angles: tuple[float, ...], spacing: tuple[float, ...], origin: tuple[float, ...], order: list[int], count: int
) -> None:
    (a, b, c), turn = np.radians(angles), np.eye(3)
    for axis, angle in ((0, a), (1, b), (2, c)):
        one = np.eye(3)
        i, j = [n for n in range(3) if n != axis]
        one[i, i] = one[j, j] = np.cos(angle)
        one[i, j], one[j, i] = -np.sin(angle), np.sin(angle)
        turn = turn @ one
    along, down, normal = turn.T if np.linalg.det(turn) > 0 else -turn.T
    build: Slice = _slice_builder()
    slices = [
        build(
            np.array(origin) + k * spacing[2] * normal,
            k + 1,
            ImageOrientationPatient=[f"{value:.9f}" for value in (*along, *down)],
            PixelSpacing=[f"{value:.9f}" for value in spacing[:2]],
        )
        for k in range(count)
    ]
    volume = series_volume([slices[at] for at in order if at < count])
    assert volume.shear < 0.01
    np.testing.assert_allclose(volume.spacing, [spacing[1], spacing[0], spacing[2]], atol=1e-5)
    _assert_every_pixel_lies_where_its_header_says(volume, slices)


_builders: list[Slice] = []


@pytest.fixture(autouse=True)
def _keep_builder(slice_at: Slice) -> None:
    """Hypothesis forbids fixtures of one test's life in its examples; the builder keeps no state."""
    _builders[:] = [slice_at]


def _slice_builder() -> Slice:
    return _builders[0]


def test_an_oblique_series_agrees_with_the_oracle(series: Series) -> None:
    along, down = np.array([0.8, 0.6, 0]), np.array([-0.36, 0.48, 0.8])
    slices = series(step=2 * np.cross(along, down), ImageOrientationPatient=[*along, *down])
    oracle = highdicom.get_volume_from_series(slices)
    ours = series_volume(slices)
    pixel_axes = oracle.affine[:3, [2, 1, 0]]  # highdicom counts slices, rows, columns
    np.testing.assert_allclose(ours.affine[:3, :3], pixel_axes * np.sign(np.diag(pixel_axes.T @ ours.affine[:3, :3])))
    for k in range(len(slices)):
        place = ours.positions(np.array([[0, 0, k]]))
        at = np.rint(oracle.map_reference_to_indices(place)).astype(int)[0]
        np.testing.assert_array_equal(ours.voxels[:, :, k], oracle.array[at[0]].T)


def test_a_tilted_gantry_is_refused_unless_the_caller_takes_a_sheared_affine(series: Series) -> None:
    tilted = [1, 0, 0, 0, float(np.cos(TILT)), float(np.sin(TILT))]
    slices = series(ImageOrientationPatient=tilted, GantryDetectorTilt="15")
    assert _reason(slices) == "gantry_tilt"
    volume = series_volume(slices, sheared=True)
    assert volume.shear == pytest.approx(15, abs=1e-4)
    np.testing.assert_allclose(volume.affine[:3, 2], [0, 0, 2.5], atol=1e-9)
    _assert_every_pixel_lies_where_its_header_says(volume, slices)


def test_a_tilt_that_the_orientation_does_not_show_is_refused(series: Series) -> None:
    slices = series(GantryDetectorTilt="12")
    assert _reason(slices) == _reason(slices, sheared=True) == "gantry_tilt"
    assert series_volume(series(GantryDetectorTilt="0.0")).shear == 0


@pytest.mark.parametrize("gone", [1, 2, 5])
def test_a_missing_slice_is_refused_and_its_place_told(series: Series, gone: int) -> None:
    slices = series(8)
    del slices[gone]
    with pytest.raises(StudyRejected, match=f"1 of the slices are missing, the first behind slice {gone} of 7") as told:
        series_volume(slices[::-1])
    assert told.value.reason == "missing_slice"


def test_a_slice_missing_at_an_end_is_refused_where_the_number_was_told(series: Series) -> None:
    slices = series(8)[:-1]
    assert series_volume(slices).voxels.shape[2] == 7
    assert _reason(slices, expected=8) == "missing_slice"
    pet = series(8, Modality="PT", Units="BQML", RescaleSlope="1", RescaleIntercept="0", NumberOfSlices=8)
    assert series_volume(pet).voxels.shape[2] == 8
    assert _reason(pet[:-1]) == "missing_slice"


def test_three_slices_with_one_wide_gap_are_refused(series: Series) -> None:
    first, _, third, fourth = series(4)
    assert _reason([first, third, fourth]) == "missing_slice"


def test_exact_copies_count_once(series: Series) -> None:
    slices, again = series(), series()
    again[2].SOPInstanceUID, again[2].InstanceNumber = "1.2.826.0.9.4.99", 99
    volume = series_volume([*slices, again[2], again[4], again[4]])
    np.testing.assert_array_equal(volume.voxels, series_volume(slices).voxels)
    np.testing.assert_array_equal(volume.affine, series_volume(slices).affine)


@pytest.mark.parametrize("change", [{"pixels": np.ones((6, 5))}, {"RescaleSlope": "2"}])
def test_two_different_slices_in_one_place_are_refused(series: Series, slice_at: Slice, change: dict[str, Any]) -> None:
    slices = series()
    other = slice_at(slices[2].ImagePositionPatient, 3, **change)
    other.SOPInstanceUID = "1.2.826.0.9.4.99"
    assert _reason([*slices, other]) == "duplicate_slices"


def test_a_second_volume_in_the_same_places_is_refused_as_a_fourth_dimension(series: Series, slice_at: Slice) -> None:
    slices = series()
    later = [slice_at(one.ImagePositionPatient, 10 + one.InstanceNumber, AcquisitionNumber=2) for one in slices]
    assert _reason(slices + later) == "several_volumes"


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("TemporalPositionIdentifier", (1, 2)),
        ("EchoNumbers", (1, 2)),
        ("DiffusionBValue", (0.0, 800.0)),
        ("EchoTime", ("12", "95")),
    ],
)
def test_a_fourth_dimension_is_refused_even_where_every_place_is_taken_once(
    series: Series, keyword: str, values: tuple[Any, Any]
) -> None:
    slices = series(6)
    for at, one in enumerate(slices):
        setattr(one, keyword, values[at % 2])
    assert _reason(slices) == "several_volumes"


def test_step_and_shoot_with_an_acquisition_per_slice_is_one_volume(series: Series) -> None:
    slices = series()
    for one in slices:
        one.AcquisitionNumber, one.EchoTime = one.InstanceNumber, f"{90 + 0.01 * one.InstanceNumber}"
    assert series_volume(slices).voxels.shape[2] == 5


def _mixed(slices: list[Dataset], **changes: Any) -> list[Dataset]:
    for keyword, value in changes.items():
        setattr(slices[2], keyword, value)
    return slices


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}, "mixed_orientation"),
        ({"ImageOrientationPatient": [0, 1, 0, -1, 0, 0]}, "mixed_orientation"),
        ({"ImageOrientationPatient": [-1, 0, 0, 0, -1, 0]}, "mixed_orientation"),
        ({"PixelSpacing": ["0.7", "0.8"]}, "mixed_pixel_spacing"),
        ({"FrameOfReferenceUID": "1.2.3"}, "mixed_frame_of_reference"),
        ({"Rows": 5, "Columns": 6}, "mixed_size"),
        ({"SeriesInstanceUID": "1.2.3"}, "several_series"),
        ({"ImageType": ["DERIVED", "SECONDARY", "LOCALIZER"]}, "localiser"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0.9, 0]}, "orientation"),
        ({"ImageOrientationPatient": [1, 0, 0, 0.1, 1, 0]}, "orientation"),
        ({"ImageOrientationPatient": [1, 0, 0]}, "no_ImageOrientationPatient"),
        ({"ImagePositionPatient": []}, "no_ImagePositionPatient"),
        ({"ImagePositionPatient": ["1", "2"]}, "no_ImagePositionPatient"),
        ({"PixelSpacing": ["0", "1"]}, "no_PixelSpacing"),
        ({"FrameOfReferenceUID": ""}, "no_FrameOfReferenceUID"),
        ({"ImagePositionPatient": ["-9", "-20", "35"]}, "drifting_slices"),
        ({"ImagePositionPatient": ["-9", "-20", "37.5"]}, "overlapping_slices"),
        ({"ImagePositionPatient": ["-10", "-20", "36.2"]}, "mixed_slice_spacing"),
        ({"SOPInstanceUID": "1.2.826.0.9.4.1"}, "instance_uid_conflict"),
        ({"RescaleSlope": "2"}, "mixed_units"),
        ({"PhotometricInterpretation": "RGB"}, "colour"),
    ],
)
def test_one_slice_that_does_not_fit_refuses_the_series(series: Series, changes: dict[str, Any], reason: str) -> None:
    assert _reason(_mixed(series(), **changes)) == reason


def test_two_stacks_of_different_spacing_are_refused(slice_at: Slice) -> None:
    depths = [0, 1, 2, 3, 4, 6, 8, 10, 12]
    assert _reason([slice_at((0, 0, z), at) for at, z in enumerate(depths, 1)]) == "mixed_slice_spacing"


def test_spacing_that_drifts_within_each_step_s_tolerance_is_refused(slice_at: Slice) -> None:
    depths = np.cumsum(np.linspace(1, 1.03, 60))
    assert _reason([slice_at((0, 0, z), at) for at, z in enumerate(depths, 1)]) == "drifting_slices"


def test_positions_rounded_to_two_decimals_are_no_mixed_spacing(slice_at: Slice) -> None:
    slices = [slice_at((0, 0, round(at * 0.625, 2)), at) for at in range(1, 40)]
    assert series_volume(slices).spacing[2] == pytest.approx(0.625, abs=1e-3)


def test_one_slice_needs_a_told_spacing(series: Series) -> None:
    assert _reason(series(1)) == "one_slice"
    assert series_volume(series(1, SpacingBetweenSlices="4")).spacing.tolist() == pytest.approx([0.9, 0.7, 4])


def test_told_spacing_between_slices_does_not_win_over_positions(series: Series) -> None:
    assert series_volume(series(SpacingBetweenSlices="9")).spacing[2] == pytest.approx(2.5)


def test_an_empty_series_is_refused() -> None:
    assert _reason([]) == "empty_series"


def test_every_slice_is_rescaled_by_its_own_slope(series: Series) -> None:
    slices = series(Modality="PT", Units="BQML", RescaleSlope="1", RescaleIntercept="0.25")
    for one in slices:
        one.RescaleSlope = f"{0.37 * one.InstanceNumber:.4f}"
    volume = series_volume(slices[::-1])
    assert volume.unit == "BQML"
    for k, one in enumerate(slices):
        expected = stored_values(one).T * float(one.RescaleSlope) + 0.25
        np.testing.assert_array_equal(volume.voxels[:, :, k], expected.astype(np.float32))


def test_ct_is_in_hounsfield_units_and_refused_without_rescale(series: Series) -> None:
    slices = series(Modality="CT", RescaleSlope="1", RescaleIntercept="-1024")
    volume = series_volume(slices)
    assert volume.unit == "HU"
    np.testing.assert_array_equal(volume.voxels[:, :, 0], stored_values(slices[0]).T - 1024.0)
    assert _reason(series(Modality="CT")) == "no_RescaleSlope"


@pytest.mark.parametrize("told", ["two", "nan", "0"])
def test_a_slope_that_is_no_number_does_not_pass_for_none(series: Series, told: str) -> None:
    slices = series()
    for one in slices:
        one.add_new("RescaleSlope", "SH", told)
    assert _reason(slices) == "lookup_table"


def test_units_that_differ_within_a_series_are_refused(series: Series) -> None:
    slices = series(Modality="CT", RescaleSlope="1", RescaleIntercept="0", RescaleType="HU")
    slices[1].RescaleType = "US"
    assert _reason(slices) == "mixed_units"


def test_a_modality_look_up_table_is_applied_and_monochrome1_does_not_change_what_was_measured(series: Series) -> None:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4000, 0, 16])
    table.add_new("LUTData", "OW", (3 * np.arange(4000, dtype="<u2")).tobytes())
    table.ModalityLUTType = "HU"
    slices = series(ModalityLUTSequence=[table], PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(series_volume(slices).voxels[:, :, 1], 3.0 * stored_values(slices[1]).T)


def test_display_values_are_those_of_the_single_images(series: Series) -> None:
    slices = series(PhotometricInterpretation="MONOCHROME1", WindowCenter="1500", WindowWidth="900")
    volume = series_volume(slices, display=True)
    np.testing.assert_array_equal(volume.voxels[:, :, 3], display_values(slices[3]).T)


def test_windows_that_differ_between_slices_are_no_display(series: Series) -> None:
    slices = series(WindowCenter="1500", WindowWidth="900")
    slices[1].WindowWidth = "800"
    assert _reason(slices, display=True) == "mixed_display"
    assert series_volume(slices).voxels.shape[2] == 5
