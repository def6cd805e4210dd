"""Pixel data to numbers: stored values as they are, display values as a reader would see them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from radloop.dicom.frame_reader import FrameReader
from radloop.dicom.read import items_of, numbers, text, value_of, values_of, whole
from radloop.errors import StudyRejected


def stored_values(dataset: Dataset) -> np.ndarray:
    """Decode the pixels without any look-up table, so that equal films have equal bytes.

    Returns [rows, columns] of uint8, int8, uint16 or int16, unused high bits cleared: old overlays hide there.
    Raises StudyRejected where there are fewer pixels than the header says or the codec fails.
    """
    frames = FrameReader(dataset)
    if len(frames) != 1:
        raise StudyRejected("multi_frame", "the object holds more than one frame.", "split it into single frames")
    return frames.frame(1)


def modality_values(stored: np.ndarray, header: Dataset) -> np.ndarray:
    """The modality LUT or rescale of `header` applied to `stored`, to get what the scanner measured: HU, Bq/ml.

    Neither window nor MONOCHROME1 change it: they say how to show. Source: PS3.3 C.11.1. Returns float32, of
    the shape of `stored`. Raises StudyRejected for a malformed table or rescale.
    """
    with _malformed_table_refused():
        if items_of(header, "ModalityLUTSequence"):
            return _modality(stored, header, *_nominal_range(header))[0].astype(np.float32)
        slope, intercept = _rescale(header)
        if slope.is_integer() and intercept.is_integer():  # exact in float32, and faster
            return np.asarray(stored * np.float32(slope) + np.float32(intercept), np.float32)
        return (stored * slope + intercept).astype(np.float32)


def display_values(dataset: Dataset) -> np.ndarray:
    """Modality LUT, then VOI LUT or window, then MONOCHROME1 turned round: bright is dense.

    Source: PS3.3 C.11.1, C.11.2, C.7.6.3.1.2. Returns [rows, columns], integers where nothing is scaled,
    else float32 (a window spans 0 to 2^BitsStored - 1). Raises StudyRejected as `stored_values` does.
    """
    return shown(stored_values(dataset), dataset)


def shown(stored: np.ndarray, header: Dataset) -> np.ndarray:
    """`display_values` for pixels that are decoded already, because a frame's header is not its data set."""
    low, high = _nominal_range(header)
    with _malformed_table_refused():
        values, low, high = _modality(stored, header, low, high)
        values, low, high = _voi(values, header, low, high)
    if text(header, "PhotometricInterpretation").upper() == "MONOCHROME1":
        return _invert(values, low, high)
    return values


@contextmanager
def _malformed_table_refused() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, AttributeError, NotImplementedError, IndexError, KeyError):
        raise StudyRejected("lookup_table", "a look-up table or window is malformed.", "re-export") from None


def decoded_frames(dataset: Dataset) -> np.ndarray:
    """All frames [frames, rows, columns] of a mask as pydicom gives them, for one with a hole is none.

    Raises StudyRejected where none can.
    """
    try:
        pixels = np.asarray(dataset.pixel_array)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # codecs of foreign bytes fail in any way, a panic in Rust among them
        raise StudyRejected("undecodable_pixels", "the pixel data cannot be decoded.", "re-export") from None
    frames = pixels[None] if pixels.ndim == 2 else pixels
    if frames.shape != tuple(whole(dataset, keyword, 1) for keyword in ("NumberOfFrames", "Rows", "Columns")):
        raise StudyRejected("undecodable_pixels", "the decoded pixels are not Rows x Columns.", "re-export")
    return frames


def _nominal_range(dataset: Dataset) -> tuple[float, float]:
    bits = whole(dataset, "BitsStored", 16)
    if whole(dataset, "PixelRepresentation", 0):
        return -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
    return 0.0, 2.0**bits - 1


def _modality(stored: np.ndarray, dataset: Dataset, low: float, high: float) -> tuple[np.ndarray, float, float]:
    if tables := items_of(dataset, "ModalityLUTSequence"):
        values, top = look_up(stored, tables[0], low < 0)
        return values, 0.0, top
    slope, intercept = _rescale(dataset)
    if (slope, intercept) == (1.0, 0.0):
        return stored, low, high
    ends = sorted((low * slope + intercept, high * slope + intercept))
    return stored.astype(np.float32) * np.float32(slope) + np.float32(intercept), ends[0], ends[1]


def _rescale(dataset: Dataset) -> tuple[float, float]:
    slope, intercept = (_told_or(dataset, *told) for told in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0)))
    if slope == 0:
        raise ValueError("a slope of 0 makes all values one")
    return slope, intercept


def _told_or(dataset: Dataset, keyword: str, default: float) -> float:
    """A number, or `default` where it is absent; one that cannot be read must not pass for absent."""
    told = numbers(dataset, keyword, 1)
    if told is None and keyword in dataset and dataset.get_item(keyword).value not in (None, b"", ""):
        raise ValueError(f"{keyword} is no number")
    return default if told is None else float(told[0])


def _voi(values: np.ndarray, dataset: Dataset, low: float, high: float) -> tuple[np.ndarray, float, float]:
    if tables := items_of(dataset, "VOILUTSequence"):
        values, top = look_up(values, tables[0], low < 0)
        return values, 0.0, top
    if not (text(dataset, "WindowCenter") and text(dataset, "WindowWidth")):
        return values, low, high
    top = 2.0 ** whole(dataset, "BitsStored", 16) - 1
    return window(values, dataset) * np.float32(top), 0.0, top


def window(values: np.ndarray, dataset: Any) -> np.ndarray:
    """The first window of the data set applied to `values`, as float32 between 0 and 1.

    Source: PS3.3 C.11.2.1.2 and C.11.2.1.3 (LINEAR, LINEAR_EXACT, SIGMOID). Raises ValueError for a width
    that the standard forbids or another function.
    """
    centre, width = float(text(dataset, "WindowCenter")), float(text(dataset, "WindowWidth"))
    function = text(dataset, "VOILUTFunction").upper() or "LINEAR"
    if width < (1 if function == "LINEAR" else np.finfo(float).tiny):
        raise ValueError("WindowWidth is too small")
    shifted = values.astype(np.float32) - np.float32(centre)
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(-4 * shifted / np.float32(width))), np.float32)
    if function == "LINEAR":
        shifted, width = shifted + np.float32(0.5), max(width - 1, 1e-6)
    elif function != "LINEAR_EXACT":
        raise ValueError("VOILUTFunction is unknown")
    return np.asarray(np.clip(shifted / np.float32(width) + np.float32(0.5), 0, 1), np.float32)


def look_up(values: np.ndarray, table: Dataset, signed: bool) -> tuple[np.ndarray, float]:
    """One look-up table applied to `values`, ends held (PS3.3 C.11.1.1); its first index may be `signed`.

    Returns the entries as uint8 or uint16 and the largest value that they can take.
    Raises ValueError for a malformed descriptor or too few entries.
    """
    count, first, bits = (int(str(value)) for value in values_of(table, "LUTDescriptor"))
    if not 1 <= bits <= 16:
        raise ValueError("a table's entries have 1 to 16 bits")
    count = count or 65536
    first = first - 65536 if signed and first > 32767 else first
    entries = _entries(table, count)
    index = np.rint(values).astype(np.int64) - first
    return entries[np.clip(index, 0, count - 1)], 2.0**bits - 1


def _entries(table: Dataset, count: int) -> np.ndarray:
    raw = value_of(table, "LUTData")
    content = raw if isinstance(raw, bytes) else np.array(values_of(table, "LUTData"), "<u2").tobytes()
    kind = "<u2" if len(content) >= 2 * count else "u1"  # entries of 8 bits may lie two in a word
    return np.frombuffer(content, kind, count)


def _invert(values: np.ndarray, low: float, high: float) -> np.ndarray:
    if values.dtype.kind == "f":
        return np.float32(low + high) - values.astype(np.float32)
    return np.asarray(int(low + high) - values.astype(np.int32))
