from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from radloop.dicom.volume import Volume
from radloop.errors import GateClosed, StudyRejected
from radloop.segmentation.fingerprint import check_case, fingerprint
from radloop.segmentation.intensity import Intensity


def volume(
    shape: tuple[int, int, int] = (8, 10, 6), spacing: tuple[float, float, float] = (1.0, 1.0, 2.0), unit: str = "HU"
) -> Volume:
    voxels = np.random.default_rng(sum(shape)).normal(100, 20, shape).astype(np.float32)
    return Volume(voxels, np.diag([*spacing, 1.0]), unit=unit)


def mask(shape: tuple[int, int, int] = (8, 10, 6), label: int = 1) -> np.ndarray:
    labels = np.zeros(shape, np.int32)
    labels[2:4, 2:7, 1:4] = label
    return labels


def cases() -> Iterator[tuple[list[Volume], np.ndarray]]:
    for side, thick in ((8, 2.0), (10, 2.0), (12, 4.0)):
        shape = (side, 10, 6)
        labels = mask(shape)
        labels[5, 2:7, 1:3] = 2 if side > 8 else 0
        yield [volume(shape, (1.0, 0.5, thick))], labels


def test_medians_over_cases_are_told() -> None:
    found = fingerprint(cases(), (1, 2), 10)
    assert found.cases == 3 and found.channels == 1 and found.classes == 3
    assert found.spacing == (1.0, 0.5, 2.0) and found.finest_spacing == (1.0, 0.5, 2.0)
    assert found.extent == (10.0, 5.0, 12.0) and found.voxels == 600
    assert found.structures[1].cases == 3 and found.structures[2].cases == 2
    assert found.structures[1].share == pytest.approx(30 / 600)
    assert found.structures[1].millilitres == pytest.approx(30 * 1.0 / 1000)
    assert found.structures[2].share == pytest.approx((10 / 600 + 10 / 720) / 2)


def test_values_are_those_of_the_foreground() -> None:
    image, labels = volume(), mask()
    dark = image.with_voxels(np.where(labels > 0, image.voxels, -1000).astype(np.float32))
    (told,) = fingerprint([([dark], labels)], (1,), 10).intensity
    inside = image.voxels[labels > 0]
    assert told.mean == pytest.approx(inside.mean(), rel=1e-5) and told.deviation == pytest.approx(
        inside.std(), rel=1e-5
    )
    assert (told.low, told.high) == pytest.approx(tuple(np.percentile(inside.astype(float), (0.5, 99.5))))


@pytest.mark.parametrize(("unit", "each"), [("HU", False), ("g/ml", False), ("", True)])
def test_units_that_mean_something_keep_one_scale_for_all_images(unit: str, each: bool) -> None:
    (told,) = fingerprint([([volume(unit=unit)], mask())], (1,), 10).intensity
    assert told.each is each
    mixed = [([volume(unit=unit)], mask()), ([volume(unit="BQML")], mask())]
    assert fingerprint(mixed, (1,), 10).intensity[0].each


def test_scaled_values_lie_around_nothing_and_an_absolute_scale_stays_one() -> None:
    fixed = Intensity(each=False, low=-100, high=200, mean=50, deviation=25)
    assert fixed.apply(np.array([-900, 50, 100, 900])).tolist() == [-6, 0, 2, 6]
    own = fixed.model_copy(update={"each": True}).apply(volume().voxels)
    assert own.dtype == np.float32 and abs(own.mean()) < 1e-5 and own.std() == pytest.approx(1, abs=1e-4)
    assert fixed.model_copy(update={"each": True}).apply(np.full((2, 2), 7)).tolist() == [[0, 0], [0, 0]]


def test_a_large_case_adds_as_many_values_as_a_small_one_and_equal_data_give_an_equal_fingerprint() -> None:
    shape = (60, 60, 20)
    large = Volume(np.full(shape, 500, np.float32), np.eye(4), unit="HU")
    small = Volume(np.full((30, 30, 12), 100, np.float32), np.eye(4), unit="HU")
    both = [([large], np.ones(shape, np.int32)), ([small], np.ones((30, 30, 12), np.int32))]
    (told,) = fingerprint(both, (1,), 10).intensity
    assert told.mean == 300
    assert fingerprint(both, (1,), 10) == fingerprint(both, (1,), 10)


def moved(image: Volume) -> Volume:
    affine = image.affine.copy()
    affine[0, 3] += 0.5
    return Volume(image.voxels, affine)


def with_nan() -> Volume:
    voxels = volume().voxels.copy()
    voxels[0, 0, 0] = np.nan
    return Volume(voxels, np.diag([1.0, 1.0, 2.0, 1.0]))


@pytest.mark.parametrize(
    ("images", "labels", "reason"),
    [
        ([volume()], mask((8, 10, 5)), "grid"),
        ([volume(), moved(volume())], mask(), "grid"),
        ([volume(), volume((8, 10, 7))], mask(), "grid"),
        ([with_nan()], mask(), "not_finite"),
        ([volume()], mask(label=7), "undeclared_label"),
        ([volume()], np.zeros((8, 10, 6), np.int32), "empty_mask"),
        ([volume(spacing=(0.5, 0.5, 6.0))], mask(), "anisotropy"),
    ],
)
def test_a_case_that_cannot_teach_is_refused_with_its_reason(
    images: list[Volume], labels: np.ndarray, reason: str
) -> None:
    with pytest.raises(StudyRejected) as refused:
        check_case(images, labels, (1, 2), largest_anisotropy=10)
    assert refused.value.reason == reason
    with pytest.raises(StudyRejected):
        fingerprint([(images, labels)], (1, 2), 10)


def test_a_case_of_two_channels_on_one_grid_passes() -> None:
    found = fingerprint([([volume(), volume(unit="g/ml")], mask())], (1,), 10)
    assert found.channels == 2


@pytest.mark.parametrize(
    ("given", "labels", "words"),
    [
        ([], (1,), "0 cases"),
        ([([volume()], mask()), ([volume(), volume()], mask())], (1,), "equally many"),
        ([([volume()], mask())], (1, 2), "no mask of 1 has the label 2"),
        ([([volume()], mask(label=2))], (2,), "not 1, 2, 3"),
    ],
)
def test_data_from_which_nothing_can_be_planned_close_the_gate(
    given: list[tuple[list[Volume], np.ndarray]], labels: tuple[int, ...], words: str
) -> None:
    with pytest.raises(GateClosed, match=words):
        fingerprint(given, labels, 10)
