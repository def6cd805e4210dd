"""Colour to brightness, so that what measures grey films can measure a cine of ultrasound too."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut

from radloop.dicom.layout import Layout
from radloop.errors import StudyRejected

_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue (ITU-R BT.601, PS3.3 C.7.6.3.1.2)


def brightness(frame: np.ndarray, layout: Layout, header: Dataset) -> np.ndarray:
    """How bright each pixel of a colour frame is, as stored by `layout`: Y of YBR, or the same of red, green and blue.

    Returns [rows, columns] of uint8 or float32. Raises StudyRejected for a malformed palette.
    """
    if layout.photometric == "YBR_FULL_422":  # Y Y B R for each two pixels
        return frame.reshape(layout.rows, layout.columns // 2, 4)[:, :, :2].reshape(layout.rows, layout.columns)
    if layout.photometric == "PALETTE COLOR":
        try:
            return np.asarray(apply_color_lut(frame, header)[..., :3].astype(np.float32) @ _WEIGHTS)
        except Exception:  # a malformed table fails in any way
            raise StudyRejected("lookup_table", "a palette is malformed.", "re-export it as RGB") from None
    pixels = np.moveaxis(frame, 0, -1) if layout.planar else frame
    return np.asarray(pixels[..., 0] if layout.photometric == "YBR_FULL" else pixels.astype(np.float32) @ _WEIGHTS)
