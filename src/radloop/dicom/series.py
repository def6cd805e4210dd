"""A series to a volume, ordered by position; refused wherever more than one volume could be meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
from pydicom.dataset import Dataset

from radloop.dicom.frames import Frame, frames_of
from radloop.dicom.geometry import (
    SAME_PLACE,
    Plane,
    depths,
    plane_of,
    require_alike,
    require_tilt_told_once,
    stack_affine,
)
from radloop.dicom.pixels import modality_values, shown
from radloop.dicom.read import items_of, number, require_image, text, value_of, whole
from radloop.dicom.volume import Source, Volume
from radloop.errors import StudyRejected

#: Where one of these differs, the series holds several volumes: times, echoes, diffusion weightings.
_VOLUME_KEYS = (
    "TemporalPositionIdentifier", "TemporalPositionIndex", "EchoNumbers", "DiffusionBValue",
    "NominalCardiacTriggerDelayTime",
)  # fmt: skip

#: What must be equal for grey values of different slices to mean the same.
_DISPLAY_KEYS = (
    "PhotometricInterpretation", "WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence", "BitsStored",
    "PixelRepresentation", "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence",
)  # fmt: skip

_RESCALED = ("CT", "PT")  # their IODs ask for RescaleSlope (PS3.3 C.8.2.1, C.8.9.4): stored values mean nothing
Placed = tuple[Frame, Plane]


def series_volume(
    datasets: Iterable[Dataset], *, sheared: bool = False, display: bool = False, expected: int | None = None
) -> Volume:
    """The volume of one series, single images or enhanced objects, as float32 [i, j, k] with its affine in LPS.

    Slices are ordered along their normal, so i, j, k are right-handed whatever the order, numbers or direction
    of the images. Values are what the modality measured (HU, Bq/ml), slice by slice with their own rescale; with
    `display` they are what a reader sees (window, MONOCHROME1). Exact copies of a slice count once. `sheared`
    takes a tilted gantry, by a sheared affine. `expected` is the number of slices where the sender told it: only
    so can one that is missing at an end be noticed. Raises StudyRejected wherever that volume would be a guess.
    """
    frames = [frame for dataset in datasets for frame in _checked(dataset)]
    if not frames:
        raise StudyRejected("empty_series", "the series has no image.", "send its images")
    _require_one_series([frame.header for frame in frames])
    planes = [plane_of(frame.header) for frame in frames]
    require_alike(planes)
    require_tilt_told_once(planes[0], frames[0].header)
    _require_one_volume([frame.header for frame in frames])
    order = np.argsort(depths(planes), kind="stable")
    slices = _without_copies([(frames[at], planes[at]) for at in order])
    _require_complete(slices, expected)
    headers = [frame.header for frame, _ in slices]
    affine = stack_affine([plane for _, plane in slices], number(headers[0], "SpacingBetweenSlices"), sheared)
    unit = _unit(headers)
    voxels = _stacked([frame for frame, _ in slices], _meaning(headers, display))
    sources = tuple(Source(text(frame.header, "SOPInstanceUID"), frame.number) for frame, _ in slices)
    return Volume(voxels, affine, planes[0].frame_of_reference, "" if display else unit, sources)


def _checked(dataset: Dataset) -> list[Frame]:
    require_image(dataset, isinstance(value_of(dataset, "PixelData"), bytes))
    return frames_of(dataset)


def _require_one_series(headers: Sequence[Dataset]) -> None:
    for keyword in ("SeriesInstanceUID", "Modality"):
        if len({text(header, keyword) for header in headers}) > 1:
            raise StudyRejected("several_series", f"the images differ in {keyword}.", "read each series by itself")
    localisers = ["LOCALIZER" in str(value_of(header, "ImageType")).upper() for header in headers]
    if any(localisers):
        raise StudyRejected(
            "localiser", f"{sum(localisers)} of {len(headers)} images are localisers.", "leave them out"
        )


def _require_one_volume(headers: Sequence[Dataset]) -> None:
    for keyword in _VOLUME_KEYS:
        if len({text(header, keyword) for header in headers}) > 1:
            raise StudyRejected(
                "several_volumes", f"{keyword} differs within the series: it has four dimensions.", "split it by that"
            )
    for keyword in ("EchoTime", "EffectiveEchoTime"):
        times = [number(header, keyword) or 0.0 for header in headers]
        if max(times) - min(times) > 0.1 * max(times):  # scanners jitter, contrasts do not
            raise StudyRejected("several_volumes", f"{keyword} differs within the series.", "split it by echo")


def _without_copies(slices: list[Placed]) -> list[Placed]:
    """One slice per place: exact copies are dropped, for they say nothing new; others cannot be chosen from."""
    kept: list[Placed] = []
    crowd = 0
    for frame, plane in slices:
        if kept and _same_depth(plane, kept[-1][1]):
            _require_same_place(plane, kept[-1][1])
            crowd += not _is_copy(frame, kept[-1][0])
        else:
            kept.append((frame, plane))
    if crowd and crowd % len(kept) == 0:
        raise StudyRejected(
            "several_volumes",
            f"every one of {len(kept)} places has {1 + crowd // len(kept)} different slices.",
            "split the series by time, echo or reconstruction",
        )
    if crowd:
        raise StudyRejected(
            "duplicate_slices", f"{crowd} slices lie where another lies and differ from it.", "send one of them"
        )
    _require_own_instances(kept)
    return kept


def _same_depth(plane: Plane, other: Plane) -> bool:
    return abs(float((plane.position - other.position) @ other.normal)) < SAME_PLACE * float(other.spacing.min())


def _require_same_place(plane: Plane, other: Plane) -> None:
    if (apart := float(np.linalg.norm(plane.position - other.position))) >= SAME_PLACE * float(other.spacing.min()):
        raise StudyRejected(
            "overlapping_slices", f"two slices lie side by side in one plane, {apart:.3f} mm apart.", "send one stack"
        )


def _is_copy(frame: Frame, other: Frame) -> bool:
    alike = all(value_of(frame.header, key) == value_of(other.header, key) for key in _DISPLAY_KEYS)
    return alike and np.array_equal(frame.pixels(), other.pixels())


def _require_own_instances(slices: Sequence[Placed]) -> None:
    names = {(text(frame.header, "SOPInstanceUID"), frame.number) for frame, _ in slices}
    if len(names) != len(slices):
        raise StudyRejected(
            "instance_uid_conflict", "one SOPInstanceUID stands for slices in different places.", "export it again"
        )


def _require_complete(slices: Sequence[Placed], expected: int | None) -> None:
    """Positions cannot show what is missing at an end; PET tells the number itself (PS3.3 C.8.9.1)."""
    header = slices[0][0].header
    if expected is None and text(header, "Modality") == "PT":
        expected = max(len(slices), whole(header, "NumberOfSlices", 0))
    if expected is not None and expected != len(slices):
        raise StudyRejected(
            "missing_slice", f"there are {len(slices)} slices and {expected} were told.", "send the whole series"
        )


def _unit(headers: Sequence[Dataset]) -> str:
    """What the values count: one thing, or the series is refused."""
    modality = text(headers[0], "Modality")
    keyword = "Units" if modality == "PT" else "RescaleType"
    found = {(text(header, keyword).upper(), _is_rescaled(header)) for header in headers}
    if len(found) > 1:
        raise StudyRejected("mixed_units", f"{keyword} or rescale is told for some slices only.", "export it again")
    unit, rescaled = found.pop()
    if modality in _RESCALED and not rescaled:
        raise StudyRejected("no_RescaleSlope", f"{modality} values without RescaleSlope mean nothing.", "export again")
    return unit or ("HU" if modality == "CT" else "")


def _is_rescaled(header: Dataset) -> bool:
    return bool("RescaleSlope" in header or items_of(header, "ModalityLUTSequence"))


def _meaning(headers: Sequence[Dataset], display: bool) -> Callable[[np.ndarray, Dataset], np.ndarray]:
    if not display:
        return modality_values
    for keyword in _DISPLAY_KEYS:
        if any(value_of(one, keyword) != value_of(other, keyword) for one, other in pairwise(headers)):
            raise StudyRejected(
                "mixed_display", f"{keyword} differs between slices.", "take the values and one window for all"
            )
    return shown


def _stacked(frames: Sequence[Frame], meaning: Callable[[np.ndarray, Dataset], np.ndarray]) -> np.ndarray:
    header = frames[0].header
    shape = (len(frames), whole(header, "Rows", 0), whole(header, "Columns", 0))
    voxels = np.empty(shape, np.float32)
    for k, frame in enumerate(frames):
        voxels[k] = meaning(frame.pixels(), frame.header)
    return voxels.transpose(2, 1, 0)
