"""Fast decoders give what pydicom's plugins give, and leave to those what they cannot be sure of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_encoder
from pydicom.uid import RLELossless

from radloop.dicom.codecs import DECODERS, Plane, fast_frame
from radloop.dicom.frame_reader import FrameReader
from radloop.dicom.pixels import stored_values
from radloop.errors import StudyRejected

SHAPE = (40, 36)
JPEG, JPEG_LS, JPEG_2000, HTJ2K = (f"1.2.840.10008.1.2.4.{one}" for one in (70, 80, 90, 201))


def _as_bits(pixels: np.ndarray, bits: int) -> np.ndarray:
    return (pixels.view("<u2") & (2**bits - 1)).astype("<u2")


def _jpeg(pixels: np.ndarray, bits: int) -> bytes:
    return bytes(imagecodecs.jpeg_encode(_as_bits(pixels, bits), lossless=True, predictor=1, bitspersample=bits))


def _jpeg_ls(pixels: np.ndarray, bits: int) -> bytes:
    return bytes(imagecodecs.jpegls_encode(_as_bits(pixels, bits)))


def _jpeg_2000(pixels: np.ndarray, bits: int) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, bitspersample=bits))


def _htj2k(pixels: np.ndarray, bits: int) -> bytes:
    return bytes(imagecodecs.htj2k_encode(pixels, reversible=True))


def _rle(pixels: np.ndarray, bits: int) -> bytes:
    return bytes(
        get_encoder(RLELossless).encode(
            pixels, rows=SHAPE[0], columns=SHAPE[1], bits_allocated=16, bits_stored=bits, samples_per_pixel=1,
            pixel_representation=int(pixels.dtype.kind == "i"), photometric_interpretation="MONOCHROME2",
            encoding_plugin="pylibjpeg", number_of_frames=1,
        )
    )  # fmt: skip


ENCODERS: dict[str, Callable[[np.ndarray, int], bytes]] = {
    JPEG: _jpeg, JPEG_LS: _jpeg_ls, JPEG_2000: _jpeg_2000, HTJ2K: _htj2k, str(RLELossless): _rle,
}  # fmt: skip


def _film(bits: int, signed: bool) -> np.ndarray:
    noise = np.random.default_rng(3).integers(0, 2**bits, SHAPE)
    return (noise - 2 ** (bits - 1)).astype("<i2") if signed else noise.astype("<u2")


def _compressed(syntax: str, streams: list[bytes], bits: int = 12, signed: bool = False, **changes: Any) -> Dataset:
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = syntax
    one.Rows, one.Columns = SHAPE
    one.SamplesPerPixel, one.PhotometricInterpretation, one.NumberOfFrames = 1, "MONOCHROME2", len(streams)
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, bits, bits - 1, int(signed)
    one.PixelData = encapsulate(streams)
    one["PixelData"].VR, one["PixelData"].is_undefined_length = "OB", True
    for keyword, value in changes.items():
        setattr(one, keyword, value)
    return one


def _fast(dataset: Dataset, syntax: str) -> list[np.ndarray | None]:
    plane = Plane(*SHAPE, dataset.BitsStored, dataset.BitsAllocated, bool(dataset.PixelRepresentation))
    streams = generate_frames(dataset.PixelData, number_of_frames=dataset.NumberOfFrames)
    return [fast_frame(stream, syntax, plane) for stream in streams]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("syntax", ENCODERS)
def test_fast_and_plain_decoders_give_the_pixels_that_were_encoded(syntax: str, bits: int, signed: bool) -> None:
    pixels = _film(bits, signed)
    dataset = _compressed(syntax, [ENCODERS[syntax](pixels, bits)], bits, signed)
    (fast,), unused = _fast(dataset, syntax), 16 - bits
    assert fast is not None and fast.dtype == pixels.dtype
    np.testing.assert_array_equal((fast << unused) >> unused, pixels)
    np.testing.assert_array_equal((dataset.pixel_array << unused) >> unused, pixels)
    np.testing.assert_array_equal(stored_values(dataset), pixels)


@pytest.mark.parametrize("syntax", ENCODERS)
def test_several_frames_keep_their_order(syntax: str) -> None:
    films = [_film(12, False), _film(12, False)[::-1].copy(), np.zeros(SHAPE, "<u2")]
    dataset = _compressed(syntax, [ENCODERS[syntax](film, 12) for film in films])
    for fast, film in zip(_fast(dataset, syntax), films, strict=True):
        assert fast is not None
        np.testing.assert_array_equal(fast, film)
    reader = FrameReader(dataset)
    np.testing.assert_array_equal(list(reader), films)
    np.testing.assert_array_equal([reader.frame(number) for number in (3, 1, 2)], [films[at] for at in (2, 0, 1)])


@pytest.mark.parametrize("changes", [{"Rows": 41}, {"Columns": 35}, {"BitsAllocated": 8, "BitsStored": 8}])
@pytest.mark.parametrize("syntax", ENCODERS)
def test_a_header_that_tells_of_other_pixels_than_the_stream_is_refused(syntax: str, changes: dict[str, int]) -> None:
    dataset = _compressed(syntax, [ENCODERS[syntax](_film(12, False), 12)], **changes)
    with pytest.raises(StudyRejected) as refusal:
        list(FrameReader(dataset))
    assert refusal.value.reason == "undecodable_pixels"


@pytest.mark.parametrize("syntax", ENCODERS)
def test_a_stream_that_breaks_off_is_no_film_with_a_grey_end(syntax: str) -> None:
    whole = ENCODERS[syntax](_film(12, False), 12)
    dataset = _compressed(syntax, [whole[: len(whole) // 2]])
    assert _fast(dataset, syntax) == [None]


def test_a_precision_below_the_bits_stored_and_a_foreign_sign_are_left_to_the_plugins() -> None:
    low = _compressed(JPEG, [_jpeg(_film(10, False), 10)], bits=12)
    signed = _compressed(JPEG_2000, [_jpeg_2000(_film(12, True), 12)], signed=False)
    lossy = _compressed("1.2.840.10008.1.2.4.91", [_jpeg_2000(_film(12, False), 12)])
    assert [_fast(one, str(one.file_meta.TransferSyntaxUID)) for one in (low, signed)] == [[None]] * 2
    assert str(lossy.file_meta.TransferSyntaxUID) not in DECODERS
    np.testing.assert_array_equal(stored_values(low), _film(10, False))
    np.testing.assert_array_equal(stored_values(lossy), _film(12, False))
