"""How an object's pixels lie: frames, samples and colours, and how many bytes each frame takes uncompressed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from pydicom.dataset import Dataset

from radloop.dicom.read import stored_type, text, whole
from radloop.dicom.told import Told

#: One value a pixel: grey, or the number of a colour (PS3.3 C.7.6.3.1.2).
_ONE_SAMPLE = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_HALVED = "YBR_FULL_422"  # two pixels share their colour: uncompressed, a pixel has two bytes and not three


class Layout(NamedTuple):
    """What a header says of its pixels; `samples` counts values a pixel, `planar` is PlanarConfiguration."""

    frames: int
    rows: int
    columns: int
    samples: int
    stored: int
    kind: np.dtype
    photometric: str
    planar: int

    @property
    def is_colour(self) -> bool:
        """Whether a pixel has three samples; a palette's index is one."""
        return self.photometric not in _ONE_SAMPLE

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one uncompressed frame; halved colours have no axes of their own and are flat."""
        if self.photometric == _HALVED:
            return (self.rows * self.columns * 2,)
        if not self.is_colour:
            return self.rows, self.columns
        return (3, self.rows, self.columns) if self.planar else (self.rows, self.columns, 3)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one uncompressed frame; frames follow each other without a gap (PS3.5 8.1.1)."""
        return int(np.prod(self.shape)) * self.kind.itemsize

    @property
    def object_bytes(self) -> int:
        """Bytes of all uncompressed frames."""
        return self.frame_bytes * self.frames

    def decoded(self) -> Layout:
        """The layout once a codec has been at it: compressed colour is told as RGB, pixel by pixel."""
        return self._replace(photometric="RGB", planar=0) if self.is_colour else self


def layout_of(header: Dataset | Told) -> Layout:
    """The layout that a header tells, which `radloop.dicom.read.require_storable` has looked at."""
    return Layout(
        whole(header, "NumberOfFrames", 1),
        whole(header, "Rows", 0),
        whole(header, "Columns", 0),
        whole(header, "SamplesPerPixel", 1),
        whole(header, "BitsStored", 0),
        stored_type(header),
        text(header, "PhotometricInterpretation").upper(),
        whole(header, "PlanarConfiguration", 0),
    )
