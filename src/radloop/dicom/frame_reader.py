"""Frames of one object, decoded one at a time, so that what is held is a frame and not the object.

Uncompressed frames are handed on as they lie. A codec gives colour as RGB, pixel by pixel, because its own colour
spaces mean nothing outside of its stream.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames

from radloop.content import Content, stream_of
from radloop.dicom.codecs import DECODERS, Plane, fast_frame
from radloop.dicom.layout import Layout, layout_of
from radloop.dicom.read import COLOURS
from radloop.errors import StudyRejected

#: Implicit, explicit and deflated little endian (PS3.5 Annex A.1, A.2, A.5): pixels lie there as they are.
PLAIN = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99")
BIG_ENDIAN = "1.2.840.10008.1.2.2"  # retired; a mapped file of it is read whole (radloop.dicom.read)
#: What a codec asks of a header.
OF_PIXELS = (
    "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PlanarConfiguration",
)  # fmt: skip


#: Who decodes compressed colour: gdcm, which comes first otherwise, ends the process over a damaged JPEG. Lossless JPEG
#: has no other, so its colour is refused.
_COLOUR_PLUGINS = {
    **{f"1.2.840.10008.1.2.4.{one}": "pillow" for one in (50, 51)},
    **{f"1.2.840.10008.1.2.4.{one}": "pyjpegls" for one in (80, 81)},
    **{f"1.2.840.10008.1.2.4.{one}": "pylibjpeg" for one in (90, 91, 201, 202, 203)},
    "1.2.840.10008.1.2.5": "pylibjpeg",
}


def needs_codec(dataset: Dataset) -> bool:
    """Whether the pixels are compressed, or in another byte order than everybody's."""
    return _syntax(dataset) not in (*PLAIN, "")


class FrameReader:
    """Stored values of the frames of `header`, whose pixel data are `pixels`, or its own where those are not given.

    `layout` says how each frame lies. Iterating decodes one frame after another and keeps none.
    """

    def __init__(self, header: Dataset, pixels: Content | None = None) -> None:
        self._header = header
        self._pixels: Content = header.PixelData if pixels is None else pixels
        self._told = layout_of(header)
        self._coded = needs_codec(header) and _syntax(header) != BIG_ENDIAN
        self._streams: list[bytes] | None = None
        self.layout: Layout = self._told.decoded() if self._coded else self._told

    def __len__(self) -> int:
        return self.layout.frames

    def __iter__(self) -> Iterator[np.ndarray]:
        """Frames in the order of the object, unused high bits cleared: old overlays hide there.

        Raises StudyRejected where there are fewer pixels than the header says or the codec fails.
        """
        if not self._coded:
            yield from (self.frame(number) for number in range(1, len(self) + 1))
            return
        yield from (self._cleared(self._decoded(stream)) for stream in self._coded_streams())

    def frame(self, number: int) -> np.ndarray:
        """One frame by its number, counted from 1. Raises StudyRejected as iterating does."""
        if self._coded:
            if self._streams is None:
                self._streams = list(self._coded_streams())
            return self._cleared(self._decoded(self._streams[number - 1]))
        size = self._told.frame_bytes
        if len(self._pixels) < size * len(self):
            raise StudyRejected("truncated", "there are fewer pixels than Rows x Columns.", "copy the file again")
        if self._told.photometric in ("YBR_RCT", "YBR_ICT"):
            raise _undecodable("uncompressed pixels are told in the colours of a codec.")
        start, kind = size * (number - 1), self._told.kind
        if _syntax(self._header) == BIG_ENDIAN:
            values = np.frombuffer(self._turned(start, size), kind)
        else:
            values = np.frombuffer(self._pixels, kind, size // kind.itemsize, start)
        return self._cleared(values.reshape(self._told.shape))

    def _cleared(self, frame: np.ndarray) -> np.ndarray:
        unused = 8 * frame.dtype.itemsize - self.layout.stored
        return np.asarray((frame << unused) >> unused) if unused else frame

    def _coded_streams(self) -> Iterator[bytes]:
        """One compressed stream a frame; as many as the header tells, or the object is refused."""
        count = 0
        try:
            for stream in generate_frames(stream_of(self._pixels), number_of_frames=len(self)):
                count += 1
                if count <= len(self):
                    yield stream
        except (KeyboardInterrupt, SystemExit, GeneratorExit, StudyRejected, MemoryError):
            raise
        except Exception:  # fragments of foreign bytes fail in any way
            raise _undecodable("the pixel data are no frames of a compressed stream.") from None
        if count != len(self):
            raise _undecodable("there are not as many compressed frames as NumberOfFrames tells.")

    def _turned(self, start: int, size: int) -> Content:
        """Bytes of big endian pixels in our order; in words of two, bytes of 8 bits are turned too (PS3.5 8.1.2)."""
        if self._told.kind.itemsize == 1 and self._header["PixelData"].VR != "OW":
            return self._pixels[start : start + size]
        first, last = start - start % 2, start + size + (start + size) % 2
        words = np.frombuffer(bytes(self._pixels[first:last]), "<u2").byteswap().tobytes()
        return words[start - first : start - first + size]

    def _decoded(self, stream: bytes) -> np.ndarray:
        """A frame as the fastest codec gives it, or else pydicom's plugins."""
        syntax, layout = _syntax(self._header), self._told
        if syntax in DECODERS and not layout.is_colour:
            plane = Plane(layout.rows, layout.columns, layout.stored, 8 * layout.kind.itemsize, layout.kind.kind == "i")
            fast = fast_frame(stream, syntax, plane)
            if fast is not None:
                return fast
        try:
            alone = self._alone(stream)
            if layout.is_colour:
                alone.pixel_array_options(decoding_plugin=_COLOUR_PLUGINS[syntax])
            frame = np.asarray(alone.pixel_array)
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException:  # codecs of foreign bytes fail in any way, a panic in Rust among them
            raise _undecodable("the pixel data cannot be decoded.") from None
        if frame.shape != self.layout.shape:
            raise _undecodable("the decoded pixels are not Rows x Columns.")
        return frame

    def _alone(self, stream: bytes) -> Dataset:
        """A data set of this one frame, which is what pydicom's plugins take."""
        one = Dataset()
        for keyword in OF_PIXELS:
            if keyword in self._header:
                one.add(self._header[keyword])
        one.NumberOfFrames = 1
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = _syntax(self._header)
        one.add_new("PixelData", "OB", encapsulate([stream]))
        one["PixelData"].is_undefined_length = True
        return one


def _syntax(dataset: Dataset) -> str:
    return str(getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None) or "")


def _undecodable(what: str) -> StudyRejected:
    return StudyRejected("undecodable_pixels", what, "re-export")


#: Colours as an uncompressed frame may tell them.
NATIVE_COLOURS = tuple(name for name in COLOURS if name not in ("YBR_RCT", "YBR_ICT"))
