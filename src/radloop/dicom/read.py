"""Bytes to a data set that is an image, or a refusal that says why it is not."""

from __future__ import annotations

import io
import re
from functools import cache

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from radloop.content import Content, stream_of
from radloop.dicom.parse import fragments_end
from radloop.errors import StudyRejected

_IMAGE_CLASSES = "1.2.840.10008.5.1.4.1.1."  # storage SOP classes (PS3.4 B.5)
_WITHOUT_PREAMBLE = (b"\x02\x00\x00\x00", b"\x08\x00\x05\x00", b"\x08\x00\x08\x00", b"\x08\x00\x00\x00")
_NEEDED = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "PatientID", "Modality",
    "Rows", "Columns", "BitsAllocated", "BitsStored", "PhotometricInterpretation",
)  # fmt: skip
_UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID")
_WHOLE = ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2")  # deflated and big endian: rare, and read whole
_UNDEFINED = 0xFFFFFFFF
_UID = re.compile(r"[0-9.]{1,64}")  # PS3.5 9.1, but for zeros in front, which devices write
#: Colours of three samples that are stored; the last two are those of a codec (PS3.3 C.7.6.3.1.2).
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")
PALETTE = ("Red", "Green", "Blue")
LARGEST_PIXELS = 100_000_000  # a forged header must not make us allocate the machine's memory
LARGEST_VOXELS = 2_000_000_000  # the same for all frames of one object: 4 GB of 16 bits


def is_dicom(content: Content) -> bool:
    """Whether the bytes are a DICOM file (PS3.10 7.1), or an old one that lacks the preamble."""
    return content[128:132] == b"DICM" or content[:4] in _WITHOUT_PREAMBLE


def read_dicom(content: Content) -> Dataset:
    """Parse a DICOM file that holds one monochrome image, because one catalog row is one image.

    Raises StudyRejected where it is empty, no DICOM, truncated, or no such image.
    """
    dataset = parse_dicom(content)
    require_one_image(dataset, isinstance(value_of(dataset, "PixelData"), bytes))
    return dataset


def read_object(content: Content) -> tuple[Dataset, Content]:
    """Parse a DICOM file that may be stored, grey or colour, of one or more frames: its header, and its pixel data.

    Pixel data of a mapped file stay there. Raises StudyRejected where it is empty, no DICOM, truncated, or no such
    image.
    """
    if isinstance(content, bytes):
        dataset = parse_dicom(content)
        pixels = value_of(dataset, "PixelData")
    else:
        dataset, pixels = _parse_mapped(content)
    require_storable(dataset, isinstance(pixels, bytes | memoryview))
    assert isinstance(pixels, bytes | memoryview)
    return dataset, pixels


def _parse_mapped(content: Content) -> tuple[Dataset, object]:
    """The header alone, and where its pixels lie; the deflated ones have no place in the file."""
    stream = stream_of(content)
    dataset = _parsed(content, stream, stop_before_pixels=True)
    syntax = getattr(dataset.file_meta, "TransferSyntaxUID", "") if hasattr(dataset, "file_meta") else ""
    if syntax in _WHOLE:
        dataset = parse_dicom(content)
        return dataset, value_of(dataset, "PixelData")
    told = stream.read(12)
    if told[:4] != b"\xe0\x7f\x10\x00" or len(told) < 12:
        return dataset, None
    implicit, _ = dataset.original_encoding
    start = stream.tell() - 4 * implicit
    length = int.from_bytes(told[4:8] if implicit else told[8:12], "little")
    view = memoryview(content)[start:]
    end = fragments_end(view, 0) if length == _UNDEFINED else length
    if end is None or end > len(view):
        raise StudyRejected("truncated", "the DICOM file ends too early.", "copy it again")
    return dataset, view[:end]


def require_one_image(dataset: Dataset, has_pixels: bool) -> None:
    """Raises StudyRejected unless a header, whose pixels may lie elsewhere, is that of one monochrome image."""
    require_image(dataset, has_pixels)
    if whole(dataset, "NumberOfFrames", 1) != 1:
        raise StudyRejected("multi_frame", "the object holds more than one frame.", "split it into single frames")


def parse_dicom(content: Content) -> Dataset:
    """Parse a DICOM file of any kind (an image, contours, a segmentation), because each reader asks its own things.

    Raises StudyRejected where it is empty, no DICOM or truncated.
    """
    return _parsed(content, stream_of(content))


def _parsed(content: Content, stream: io.BufferedIOBase, **options: bool) -> Dataset:
    if not len(content):
        raise StudyRejected("empty_file", "the file has no bytes.", "copy it again")
    if not is_dicom(content):
        raise StudyRejected("not_dicom", "the file is not DICOM.", "remove it from the folder or convert it")
    try:
        dataset = pydicom.dcmread(stream, force=True, **options)
    except EOFError:
        raise StudyRejected("truncated", "the DICOM file ends too early.", "copy it again") from None
    except MemoryError:  # a bound's to tell, for no file of a sane header needs so much
        raise
    except Exception:  # a parser of foreign bytes fails in any way, and its message may quote a name
        raise StudyRejected("unreadable_dicom", "the DICOM file cannot be parsed.", "check the export") from None
    if not dataset:  # pydicom forgets all that it has read where it meets the end of the file inside a structure
        raise StudyRejected("truncated", "the DICOM file ends before its first attribute does.", "copy it again")
    return dataset


def require_image(dataset: Dataset, has_pixels: bool) -> None:
    """Ask that a data set is a monochrome image of one or more frames, so that all that follows may rely on it.

    Raises StudyRejected for a missing attribute, colour or pixels of another layout.
    """
    _require_pixels(dataset, has_pixels)
    _require_monochrome(dataset)
    _require_layout(dataset)


def require_storable(dataset: Dataset, has_pixels: bool) -> None:
    """Ask that a data set is an image whose every sample the catalog can keep: grey, a palette, RGB or YBR.

    Raises StudyRejected for a missing attribute, another kind of colour or pixels of another layout.
    """
    _require_pixels(dataset, has_pixels)
    if whole(dataset, "SamplesPerPixel", 1) == 3:
        _require_colour(dataset)
    elif text(dataset, "PhotometricInterpretation").upper() == "PALETTE COLOR":
        _require_palette(dataset)
    else:
        _require_monochrome(dataset)
    _require_layout(dataset)


def _require_pixels(dataset: Dataset, has_pixels: bool) -> None:
    _require_attributes(dataset)
    if not has_pixels:
        raise StudyRejected(
            "no_pixels", "there is no pixel data: no image, or a file cut short.", "leave it out or copy it again"
        )


def _require_attributes(dataset: Dataset) -> None:
    for keyword in _NEEDED:
        if not text(dataset, keyword):
            raise StudyRejected(
                f"no_{keyword}", f"{keyword} is missing or empty.", "send the study again with this attribute"
            )
    for keyword in _UIDS:
        if not _UID.fullmatch(text(dataset, keyword)):
            raise StudyRejected(
                "malformed_uid", f"{keyword} is not 1 to 64 digits and dots (PS3.5 9.1).", "correct it at its source"
            )
    if not text(dataset, "SOPClassUID").startswith(_IMAGE_CLASSES):
        raise StudyRejected("not_an_image", "the SOP class is not one of DICOM's storage classes.", "leave it out")


def _require_monochrome(dataset: Dataset) -> None:
    photometric = text(dataset, "PhotometricInterpretation").upper()
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or whole(dataset, "SamplesPerPixel", 1) != 1:
        raise StudyRejected("colour", "the image is not MONOCHROME1 or MONOCHROME2.", "send the original film")


def _require_colour(dataset: Dataset) -> None:
    """Three samples of 8 bits each (PS3.3 C.7.6.3.1.2, C.8.5.6.1): whatever else is told would be read as a guess."""
    if text(dataset, "PhotometricInterpretation").upper() not in COLOURS:
        raise StudyRejected("colour", f"three samples a pixel are none of {', '.join(COLOURS)}.", "re-export it as RGB")
    bits = tuple(whole(dataset, keyword, 0) for keyword in ("BitsAllocated", "BitsStored", "PixelRepresentation"))
    if bits != (8, 8, 0):
        raise StudyRejected("colour", "the samples of a colour are not 8 bits without a sign.", "re-export it as RGB")
    planar = whole(dataset, "PlanarConfiguration", -1)
    halved = text(dataset, "PhotometricInterpretation").upper() == "YBR_FULL_422"
    if planar not in (0, 1) or (halved and (planar or whole(dataset, "Columns", 0) % 2)):
        raise StudyRejected(
            "colour", "PlanarConfiguration does not say how the samples lie (PS3.3 C.7.6.3.1.3).", "re-export it as RGB"
        )


def _require_palette(dataset: Dataset) -> None:
    """A palette tells its colours in the header (PS3.3 C.7.9), or the pixels mean nothing."""
    described = [numbers(dataset, f"{name}PaletteColorLookupTableDescriptor", 3) for name in PALETTE]
    tables = [_tag(f"{name}PaletteColorLookupTableData") in dataset for name in PALETTE]
    if whole(dataset, "SamplesPerPixel", 1) != 1 or any(one is None for one in described) or not all(tables):
        raise StudyRejected("colour", "a palette without its three tables has no colours.", "re-export it as RGB")


def _require_layout(dataset: Dataset) -> None:
    allocated, stored = whole(dataset, "BitsAllocated", 0), whole(dataset, "BitsStored", 0)
    if allocated not in (8, 16) or not 1 <= stored <= allocated:
        raise StudyRejected(
            "bit_depth", f"{stored} bits stored in {allocated} are not supported (1 to 16, in 8 or 16).", "re-export"
        )
    if _tag("PixelRepresentation") in dataset and whole(dataset, "PixelRepresentation", -1) not in (0, 1):
        raise StudyRejected("bit_depth", "PixelRepresentation is neither 0 nor 1.", "re-export")
    if whole(dataset, "HighBit", stored - 1) != stored - 1:
        raise StudyRejected("high_bit", "HighBit is not BitsStored - 1 (PS3.5 8.1.1).", "re-export")
    rows, columns = whole(dataset, "Rows", 0), whole(dataset, "Columns", 0)
    if not 0 < rows * columns <= LARGEST_PIXELS:
        raise StudyRejected(
            "image_size", f"{columns}x{rows} pixels are not between 1 and {LARGEST_PIXELS}.", "re-export"
        )
    samples = whole(dataset, "SamplesPerPixel", 1)
    if not 1 <= (frames := whole(dataset, "NumberOfFrames", 1)) <= LARGEST_VOXELS // (rows * columns * samples):
        raise StudyRejected(
            "image_size", f"{frames} frames of {columns}x{rows} pixels exceed {LARGEST_VOXELS} voxels.", "re-export"
        )


def text(dataset: Dataset, keyword: str) -> str:
    """One attribute as stripped text, empty where it is absent or unreadable; the first of several values."""
    values = values_of(dataset, keyword)
    return str(values[0]).strip(" \0") if values else ""


def whole(dataset: Dataset, keyword: str, default: int) -> int:
    """One attribute as an integer, or `default` where it is absent or no integer."""
    try:
        return int(text(dataset, keyword))
    except ValueError:
        return default


def is_coloured(dataset: Dataset) -> bool:
    """Whether an image shows colours: of three samples, of a palette, or painted on grey by a supplemental one.

    Source: PS3.3 C.7.6.3.1.2, C.8.16.2.1.3 (Pixel Presentation).
    """
    palette = text(dataset, "PhotometricInterpretation").upper() == "PALETTE COLOR"
    painted = text(dataset, "PixelPresentation").upper() in ("COLOR", "MIXED", "TRUE_COLOR")
    return palette or painted or whole(dataset, "SamplesPerPixel", 1) != 1


def stored_type(dataset: Dataset) -> np.dtype:
    """The numpy type of uncompressed little-endian pixels (PS3.5 8.1.1)."""
    sign = "i" if whole(dataset, "PixelRepresentation", 0) else "u"
    return np.dtype(f"<{sign}{whole(dataset, 'BitsAllocated', 16) // 8}")


def number(dataset: Dataset, keyword: str) -> float | None:
    """One attribute as a number above 0, or None: a physical setting of 0 means that nobody told it."""
    try:
        value = float(text(dataset, keyword))
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def numbers(dataset: Dataset, keyword: str, count: int) -> np.ndarray | None:
    """Exactly `count` finite values as float64 [count], or None: a place of two coordinates is none."""
    try:
        values = np.array([float(str(value)) for value in values_of(dataset, keyword)])
    except ValueError:
        return None
    return values if len(values) == count and bool(np.isfinite(values).all()) else None


def values_of(dataset: Dataset, keyword: str) -> list[object]:
    """All values of one attribute, as a list; empty where it is absent or cannot be converted."""
    value = value_of(dataset, keyword)
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, (list, MultiValue)) else [value]


def items_of(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; empty where it is absent, malformed or no sequence."""
    value = value_of(dataset, keyword)
    return list(value) if isinstance(value, Sequence) else []


def value_of(dataset: Dataset, keyword: str) -> object:
    """One attribute as pydicom converts it, or None where it is absent or cannot be converted."""
    tag = _tag(keyword)
    if tag not in dataset:
        return None
    try:
        return dataset[tag].value
    except Exception:  # conversion of a malformed value fails in any way; it counts as not told
        return None


@cache
def _tag(keyword: str) -> BaseTag:
    """Looked up once: by keyword, pydicom takes longer to find an attribute than to parse it."""
    return Tag(keyword)
