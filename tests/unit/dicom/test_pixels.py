"""Display values are those that the standard, and pydicom as its oracle, prescribe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from radloop.dicom.pixels import display_values, stored_values
from radloop.dicom.read import read_dicom
from radloop.errors import StudyRejected


def _deep_table() -> Dataset:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [2, 0, 60000])
    table.add_new("LUTData", "OW", bytes(4))
    return table


Film = Callable[..., Dataset]
FileOf = Callable[[Dataset], bytes]


@pytest.mark.parametrize(
    "changes",
    [
        {"WindowCenter": "2000", "WindowWidth": "900"},
        {"WindowCenter": ["2000", "10"], "WindowWidth": ["1", "5"]},
        {"WindowCenter": "2000", "WindowWidth": "900", "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": "2000", "WindowWidth": "900", "VOILUTFunction": "SIGMOID"},
        {"RescaleSlope": "2", "RescaleIntercept": "-1024"},
        {},
    ],
)
def test_windows_agree_with_the_oracle_up_to_an_affine_scale(
    film: Film, file_of: FileOf, changes: dict[str, Any]
) -> None:
    dataset = read_dicom(file_of(film(**changes)))
    ours = display_values(dataset).astype(float)
    oracle = apply_voi_lut(apply_modality_lut(stored_values(dataset), dataset), dataset)
    np.testing.assert_allclose(_scaled(ours), _scaled(np.asarray(oracle, float)), atol=1e-5)


def test_a_voi_look_up_table_wins_over_a_window(film: Film, file_of: FileOf) -> None:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4096, 0, 12])
    table.add_new("LUTData", "OW", np.arange(4096, dtype="<u2")[::-1].tobytes())
    dataset = read_dicom(file_of(film(VOILUTSequence=[table], WindowCenter="1", WindowWidth="2")))
    np.testing.assert_array_equal(display_values(dataset), 4095 - stored_values(dataset))


def test_a_modality_look_up_table_is_applied(film: Film, file_of: FileOf) -> None:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4096, 0, 16])
    table.ModalityLUTType = "US"
    table.add_new("LUTData", "OW", (3 * np.arange(4096, dtype="<u2")).tobytes())
    dataset = read_dicom(file_of(film(ModalityLUTSequence=[table])))
    np.testing.assert_array_equal(display_values(dataset), 3 * stored_values(dataset))


@pytest.mark.parametrize("first", [0, 1000])
def test_look_up_tables_agree_with_the_oracle(film: Film, file_of: FileOf, first: int) -> None:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [2000, first, 16])
    table.ModalityLUTType = "US"
    table.add_new("LUTData", "OW", (7 * np.arange(2000, dtype="<u2")).tobytes())
    dataset = read_dicom(file_of(film(ModalityLUTSequence=[table])))
    oracle = apply_modality_lut(stored_values(dataset), dataset)
    np.testing.assert_array_equal(display_values(dataset), oracle)


def test_a_table_for_negative_values_starts_below_zero(film: Film, file_of: FileOf) -> None:
    pixels = np.arange(-60, 60, dtype="<i2").reshape(12, 10)
    table = Dataset()
    table.add_new("LUTDescriptor", "SS", [120, -60, 8])
    table.add_new("LUTData", "OW", np.arange(120, dtype="<u2").tobytes())
    dataset = read_dicom(file_of(film(pixels=pixels, VOILUTSequence=[table])))
    np.testing.assert_array_equal(display_values(dataset), pixels + 60)


@pytest.mark.parametrize("changes", [{}, {"WindowCenter": "2048", "WindowWidth": "4096"}, {"RescaleSlope": "2"}])
def test_monochrome1_is_turned_round(film: Film, file_of: FileOf, changes: dict[str, Any]) -> None:
    pixels = np.random.default_rng(0).integers(0, 4096, (12, 10)).astype("<u2")
    bright = display_values(read_dicom(file_of(film(pixels=pixels, **changes))))
    turned = film(pixels=4095 - pixels, PhotometricInterpretation="MONOCHROME1", **changes)
    np.testing.assert_allclose(display_values(read_dicom(file_of(turned))), bright, atol=1.0)


def test_an_inverted_signed_image_stays_in_its_range(film: Film, file_of: FileOf) -> None:
    pixels = np.full((12, 10), -2048, "<i2")
    dataset = read_dicom(file_of(film(pixels=pixels, PhotometricInterpretation="MONOCHROME1")))
    assert set(display_values(dataset).ravel().tolist()) == {2047}


@pytest.mark.parametrize(
    "changes",
    [
        {"WindowCenter": "5", "WindowWidth": "0"},
        {"WindowCenter": "5", "WindowWidth": "9", "VOILUTFunction": "CUBIC"},
        {"VOILUTSequence": [Dataset()]},
        {"VOILUTSequence": [_deep_table()]},
    ],
)
def test_a_malformed_window_or_table_is_refused(film: Film, file_of: FileOf, changes: dict[str, Any]) -> None:
    with pytest.raises(StudyRejected) as refusal:
        display_values(read_dicom(file_of(film(**changes))))
    assert refusal.value.reason == "lookup_table"


def _scaled(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / np.ptp(values)
