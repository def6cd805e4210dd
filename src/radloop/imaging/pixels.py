"""Bytes to display values: the one door through which stored and live images become numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from radloop.content import Content
from radloop.dicom.brightness import brightness
from radloop.dicom.frame_reader import FrameReader
from radloop.dicom.frames import frame_headers
from radloop.dicom.pixels import display_values, shown
from radloop.dicom.read import items_of, read_dicom, read_object
from radloop.errors import StudyRejected
from radloop.png import read_png

#: Frames of one object that are measured, evenly spread; an odd number, so that the one in the middle is among them.
SAMPLED = 5


def sampled_frames(content: Content, content_type: str) -> Iterator[np.ndarray]:
    """What a reader would see of up to five frames of an object, one at a time, the same ones each time.

    Colour is told by its brightness. A film's one frame is what `read_pixels` gives.
    Returns [rows, columns] each. Raises StudyRejected as `read_pixels` does, but neither for frames nor for colour.
    """
    if content_type != "application/dicom":
        yield read_pixels(content, content_type)
        return
    header, pixels = read_object(content)
    reader = FrameReader(header, pixels)
    grouped = len(reader) > 1 and bool(items_of(header, "PerFrameFunctionalGroupsSequence"))
    headers = dict(enumerate(frame_headers(header), start=1)) if grouped else {}
    for number in sampled_numbers(len(reader)):
        frame = reader.frame(number)
        if reader.layout.is_colour or reader.layout.photometric == "PALETTE COLOR":
            yield brightness(frame, reader.layout, header)
        else:
            yield shown(frame, headers.get(number, header))


def sampled_numbers(frames: int) -> list[int]:
    """Numbers of the frames that are measured, counted from 1: the middles of five equal parts, or all of fewer."""
    if frames <= SAMPLED:
        return list(range(1, frames + 1))
    return [(2 * part + 1) * frames // (2 * SAMPLED) + 1 for part in range(SAMPLED)]


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
