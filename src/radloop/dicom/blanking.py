"""Burned-in text out of the stored pixels, or a refusal that says why it cannot be told (PS3.15 E.3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from radloop.dicom.profile import Profile
from radloop.dicom.read import is_coloured, text, whole
from radloop.dicom.risks import is_of_written_kind
from radloop.dicom.told import Told
from radloop.errors import StudyRejected

if TYPE_CHECKING:
    from radloop.burned_in.boxes import Box

_ULTRASOUND = frozenset(("US", "IVUS"))
_REGIONS = 0x00186011  # SequenceOfUltrasoundRegions
_CORNERS = ("RegionLocationMinY0", "RegionLocationMinX0", "RegionLocationMaxY1", "RegionLocationMaxX1")
LARGEST_REGIONS = 0.95  # of the picture; with more they tell nothing of where a scanner writes names


def without_text(pixels: np.ndarray, told: Told, profile: Profile) -> np.ndarray:
    """One frame's stored values [rows, columns], or red, green and blue [rows, columns, 3], with text painted black.

    The very array that came where nothing is found. Of ultrasound only the regions stay that it tells, and text in
    them goes. What is of a kind known for text, or says that there is some, is searched everywhere and must leave no
    doubt; all else is searched where strokes stand close together. Raises StudyRejected where that is unsure.
    """
    if not profile.cleans_pixels:
        return pixels
    if is_coloured(told):
        raise StudyRejected(
            "burned_in_text_unsure",
            "text in colour is not searched for.",
            "send it in grey, or set deidentify.clean_pixel_data to quarantine and say NO to burned-in text",
        )
    from radloop.burned_in import Unreadable, Unsure, blank  # half of a reader's start, and needed only here

    regions = _regions(told, pixels.shape) if text(told, "Modality").upper() in _ULTRASOUND else ()
    inverted = text(told, "PhotometricInterpretation").upper() == "MONOCHROME1"
    thoroughly = is_of_written_kind(told) or text(told, "BurnedInAnnotation").upper() == "YES"
    try:
        return blank(pixels, inverted, thoroughly, regions)
    except Unsure as error:
        raise StudyRejected(
            "burned_in_text_unsure", f"{error}.", "look at the picture, and send it without annotation"
        ) from None
    except Unreadable as error:
        raise StudyRejected(
            "burned_in_text_unread",
            f"the picture may hold text, and {error}.",
            "install Debian's tesseract-ocr, or set deidentify.clean_pixel_data to quarantine",
        ) from None


def _regions(told: Told, shape: tuple[int, ...]) -> tuple[Box, ...]:
    """Where an ultrasound picture shows echoes (PS3.3 C.8.5.5). Raises StudyRejected where it does not tell that."""
    from radloop.burned_in.boxes import Box

    boxes = []
    for item in told.items(_REGIONS):
        top, left, bottom, right = (whole(item, keyword, -1) for keyword in _CORNERS)
        if not (0 <= top < bottom < shape[0] and 0 <= left < right < shape[1]):
            raise _unsure("a region of this ultrasound picture (0018,6011) is not within it")
        boxes.append(Box(top, left, bottom + 1, right + 1))
    if not boxes:
        raise _unsure("this ultrasound picture tells no region of echoes (0018,6011), and beside it stand names")
    shown = np.zeros(shape[:2], bool)
    for box in boxes:
        shown[box.top : box.bottom, box.left : box.right] = True
    if shown.mean() > LARGEST_REGIONS:
        raise _unsure("the regions of this ultrasound picture (0018,6011) cover all of it and tell nothing")
    return tuple(boxes)


def _unsure(why: str) -> StudyRejected:
    return StudyRejected(
        "burned_in_text_unsure",
        f"{why}.",
        "send it with its regions or clean it at its source; deidentify.clean_pixel_data keep trusts it",
    )
