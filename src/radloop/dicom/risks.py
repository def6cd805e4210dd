"""What the profile's options would clean and nothing here can: it is quarantined, and never claimed to be clean."""

from __future__ import annotations

from radloop.dicom.elements import Elements
from radloop.dicom.groups import regions_of
from radloop.dicom.profile import Profile
from radloop.dicom.read import is_coloured, text, values_of
from radloop.dicom.told import Told
from radloop.dicom.vocabulary import words_of
from radloop.errors import StudyRejected

#: Kinds that are known for text in the picture: secondary capture, ultrasound, and what else is no camera of X-rays.
_WRITTEN_ON = frozenset(("US", "IVUS", "SC", "OT", "ES", "XC", "GM", "DOC", "HC"))
_WRITTEN_ON_CLASSES = ("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.6", "1.2.840.10008.5.1.4.1.1.3")
_HAS_SURFACE = frozenset(("CT", "MR", "PT", "NM", "RTSTRUCT", "SEG"))  # a contour of the skin is a face too
_PHOTOGRAPHS = frozenset(("XC", "DMS"))  # of the outside of a person, whatever part they say
_HEADS = frozenset(
    ("head", "brain", "skull", "face", "facial", "headneck", "orbit", "sinus", "sinuses", "maxilla", "mandible")
)
_PLACES = ("BodyPartExamined", "StudyDescription", "SeriesDescription", "ProtocolName")


def refuse_recognisable(told: Told, elements: Elements, profile: Profile) -> None:
    """Raises StudyRejected for what may show a name or a face, or writes over the picture, as the profile's knobs say.

    `told` are the attributes outside of sequences, `elements` all of them. An object that tells no body part is
    taken for no head. Source: PS3.15 E.3.1, E.3.2, E.3.3.
    """
    knobs = profile.knobs
    if knobs.clean_pixel_data != "clean" and text(told, "BurnedInAnnotation").upper() == "YES":
        raise StudyRejected(
            "burned_in_annotation",
            "BurnedInAnnotation is YES: the pixels may name a patient and are not cleaned.",
            "send the film without annotation, or set deidentify.clean_pixel_data to clean",
        )
    if knobs.clean_pixel_data == "quarantine" and _may_be_written_on(told):
        raise StudyRejected(
            "burned_in_text_unknown",
            "objects of this kind carry text in the picture and BurnedInAnnotation is not NO; pixels are not cleaned.",
            "check the picture and say NO at its source, or set deidentify.clean_pixel_data to clean or keep",
        )
    if knobs.clean_recognizable_visual_features == "quarantine" and _shows_a_face(told, elements):
        raise StudyRejected(
            "recognisable_face",
            "a volume of a head, or a photograph, may show a face, and faces are not removed.",
            "deface it at its source, or set deidentify.clean_recognizable_visual_features to keep",
        )
    if knobs.clean_graphics and any(tag >> 24 == 0x60 and tag & 0xFFFF == 0x3000 for tag in elements):
        raise StudyRejected(
            "overlay_not_cleaned",
            "an overlay's drawing cannot be cleaned.",
            "remove the overlay at its source, or set deidentify.clean_graphics to false, which drops overlays",
        )


def is_of_written_kind(told: Told) -> bool:
    """Whether an image is of a kind that is known for text in the picture, whatever it says of itself.

    Scanners measure in grey: colour is a camera's, or painted on by somebody who may have written too.
    """
    kind = text(told, "SOPClassUID")
    of_class = any(kind == prefix or kind.startswith(f"{prefix}.") for prefix in _WRITTEN_ON_CLASSES)
    return of_class or text(told, "Modality").upper() in _WRITTEN_ON or is_coloured(told)


def _may_be_written_on(told: Told) -> bool:
    return text(told, "BurnedInAnnotation").upper() != "NO" and is_of_written_kind(told)


def _shows_a_face(told: Told, elements: Elements) -> bool:
    modality = text(told, "Modality").upper()
    if text(told, "RecognizableVisualFeatures").upper() == "NO" or modality not in {*_HAS_SURFACE, *_PHOTOGRAPHS}:
        return False
    places = [str(value) for keyword in _PLACES for value in values_of(told, keyword)]
    return modality in _PHOTOGRAPHS or any(words_of(place) & _HEADS for place in (*places, *regions_of(elements)))
