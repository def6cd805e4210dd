"""Pixel data to numbers: stored values as they are, display values as a reader would see them."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from radloop.dicom.read import text, values_of, whole
from radloop.errors import StudyRejected


def stored_values(dataset: Dataset) -> np.ndarray:
    """Decode the pixels without any look-up table, so that equal films have equal bytes.

    Returns [rows, columns] of uint8, int8, uint16 or int16, unused high bits cleared: old overlays hide there.
    Raises StudyRejected where there are fewer pixels than the header says or the codec fails.
    """
    pixels = _decode(dataset) if _needs_codec(dataset) else _native(dataset)
    unused = 8 * pixels.dtype.itemsize - whole(dataset, "BitsStored", 0)
    return np.asarray((pixels << unused) >> unused) if unused else pixels


def display_values(dataset: Dataset) -> np.ndarray:
    """Modality LUT, then VOI LUT or window, then MONOCHROME1 turned round: bright is dense.

    Source: PS3.3 C.11.1, C.11.2, C.7.6.3.1.2. Returns [rows, columns], integers where nothing is scaled,
    else float32 (a window spans 0 to 2^BitsStored - 1). Raises StudyRejected as `stored_values` does.
    """
    stored = stored_values(dataset)
    low, high = _nominal_range(dataset)
    try:
        values, low, high = _modality(stored, dataset, low, high)
        values, low, high = _voi(values, dataset, low, high)
    except (ValueError, TypeError, AttributeError, NotImplementedError, IndexError, KeyError):
        raise StudyRejected("lookup_table", "a look-up table or window is malformed.", "re-export") from None
    if text(dataset, "PhotometricInterpretation").upper() == "MONOCHROME1":
        return _invert(values, low, high)
    return values


def _needs_codec(dataset: Dataset) -> bool:
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    return bool(syntax and syntax.is_compressed) or dataset.original_encoding[1] is False


def _native(dataset: Dataset) -> np.ndarray:
    rows, columns = whole(dataset, "Rows", 0), whole(dataset, "Columns", 0)
    sign = "i" if whole(dataset, "PixelRepresentation", 0) else "u"
    kind = np.dtype(f"<{sign}{whole(dataset, 'BitsAllocated', 16) // 8}")
    content = dataset.PixelData
    if len(content) < rows * columns * kind.itemsize:
        raise StudyRejected("truncated", "there are fewer pixels than Rows x Columns.", "copy the file again")
    return np.frombuffer(content, kind, rows * columns).reshape(rows, columns)


def _decode(dataset: Dataset) -> np.ndarray:
    try:
        pixels = np.asarray(dataset.pixel_array)
    except Exception:  # codecs of foreign bytes fail in any way
        raise StudyRejected("undecodable_pixels", "the pixel data cannot be decoded.", "re-export") from None
    if pixels.shape != (whole(dataset, "Rows", 0), whole(dataset, "Columns", 0)):
        raise StudyRejected("undecodable_pixels", "the decoded pixels are not Rows x Columns.", "re-export")
    return pixels


def _nominal_range(dataset: Dataset) -> tuple[float, float]:
    bits = whole(dataset, "BitsStored", 16)
    if whole(dataset, "PixelRepresentation", 0):
        return -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
    return 0.0, 2.0**bits - 1


def _modality(stored: np.ndarray, dataset: Dataset, low: float, high: float) -> tuple[np.ndarray, float, float]:
    if dataset.get("ModalityLUTSequence"):
        values = apply_modality_lut(stored, dataset)
        return values, float(values.min()), float(values.max())
    slope = float(text(dataset, "RescaleSlope") or 1)
    intercept = float(text(dataset, "RescaleIntercept") or 0)
    if (slope, intercept) == (1.0, 0.0):
        return stored, low, high
    ends = sorted((low * slope + intercept, high * slope + intercept))
    return stored.astype(np.float32) * np.float32(slope) + np.float32(intercept), ends[0], ends[1]


def _voi(values: np.ndarray, dataset: Dataset, low: float, high: float) -> tuple[np.ndarray, float, float]:
    if dataset.get("VOILUTSequence"):
        looked_up = apply_voi_lut(_whole_values(values), dataset, prefer_lut=True)
        entries = values_of(dataset.VOILUTSequence[0], "LUTDescriptor")
        return looked_up, 0.0, 2.0 ** int(str(entries[2])) - 1
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


def _whole_values(values: np.ndarray) -> np.ndarray:
    """A VOI LUT is indexed by integers, also after a rescale that gave floats."""
    return values if values.dtype.kind in "iu" else np.rint(values).astype(np.int32)


def _invert(values: np.ndarray, low: float, high: float) -> np.ndarray:
    if values.dtype.kind == "f":
        return np.float32(low + high) - values.astype(np.float32)
    return np.asarray(int(low + high) - values.astype(np.int32))
