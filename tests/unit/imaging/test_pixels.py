"""One door for DICOM and PNG, before and after identity was taken off."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydicom.dataset import Dataset

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import StudyRejected
from radloop.imaging.pixels import read_pixels
from radloop.sources import read_instance

PIXELS = np.random.default_rng(2).integers(0, 256, (12, 10), dtype=np.uint8)


def test_one_film_looks_the_same_as_dicom_and_as_png(
    film: Callable[..., Dataset],
    file_of: Callable[[Dataset], bytes],
    png_of: Callable[..., bytes],
    pseudonyms: Pseudonyms,
) -> None:
    dicom = read_instance(file_of(film(pixels=PIXELS)), pseudonyms)
    png = read_instance(png_of(PIXELS), pseudonyms)
    for arrival in (dicom, png):
        shown = read_pixels(arrival.content, arrival.record.content_type)
        np.testing.assert_array_equal(shown, PIXELS)
    assert dicom.record.pixel_sha256 == png.record.pixel_sha256


def test_taking_identity_off_changes_no_display_value(
    film: Callable[..., Dataset], file_of: Callable[[Dataset], bytes], pseudonyms: Pseudonyms
) -> None:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4096, 0, 12])
    table.add_new("LUTData", "OW", np.arange(4096, dtype="<u2")[::-1].tobytes())
    for changes in ({"VOILUTSequence": [table]}, {"WindowCenter": "900", "WindowWidth": "400"}, {}):
        raw = file_of(film(PhotometricInterpretation="MONOCHROME1", **changes))
        stored = read_instance(raw, pseudonyms).content
        np.testing.assert_array_equal(read_pixels(stored, "application/dicom"), read_pixels(raw, "application/dicom"))


def test_another_kind_of_content_is_refused() -> None:
    with pytest.raises(StudyRejected, match="neither DICOM nor PNG"):
        read_pixels(b"", "image/jpeg")
