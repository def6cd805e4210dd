"""Burned-in text out of the stored pixels, or a refusal that says why it cannot be told (PS3.15 E.3.1)."""

from __future__ import annotations

import numpy as np

from radloop.dicom.profile import Profile
from radloop.dicom.read import is_coloured, text
from radloop.dicom.risks import is_of_written_kind
from radloop.dicom.told import Told
from radloop.errors import StudyRejected

_SPECKLED = frozenset(("US", "IVUS"))  # what `radloop bench text` finds too little in to say that it is clean


def without_text(pixels: np.ndarray, told: Told, profile: Profile) -> np.ndarray:
    """Stored values [rows, columns] with text painted black, where the profile cleans pixels.

    The very array that came where nothing is found. What is of a kind known for text, or says that there is some, is
    searched everywhere; all else where strokes stand close together. Raises StudyRejected where that is unsure.
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

    if text(told, "Modality").upper() in _SPECKLED:
        raise StudyRejected(
            "burned_in_text_unsure",
            "small text in speckle is found half of the times only.",
            "clean ultrasound at its source; deidentify.clean_pixel_data keep trusts it",
        )
    inverted = text(told, "PhotometricInterpretation").upper() == "MONOCHROME1"
    everywhere = is_of_written_kind(told) or text(told, "BurnedInAnnotation").upper() == "YES"
    try:
        return blank(pixels, inverted, everywhere)
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
