"""Bytes to display values: the one door through which stored and live images become numbers."""

from __future__ import annotations

import numpy as np

from radloop.content import Content
from radloop.dicom.pixels import display_values
from radloop.dicom.read import read_dicom
from radloop.errors import StudyRejected
from radloop.png import read_png


def read_pixels(content: Content, content_type: str) -> np.ndarray:
    """What a reader would see of a film: bright is dense, whatever the file's polarity.

    DICOM takes the modality LUT, the VOI LUT or window and the inversion of MONOCHROME1 (PS3.3 C.11); an 8-bit
    greyscale PNG is taken as it is. Returns [rows, columns], integers where nothing is scaled, else float32;
    the scale is the file's own, for preprocessing scales by percentiles.
    Raises StudyRejected for another type, 16-bit and colour PNG, and damaged files.
    """
    if content_type == "application/dicom":
        return display_values(read_dicom(content))
    if content_type == "image/png":
        return read_png(bytes(content))
    raise StudyRejected("unknown_content_type", f"{content_type!r} is neither DICOM nor PNG.", "convert the film")
