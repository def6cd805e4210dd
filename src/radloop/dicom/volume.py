"""A volume: voxels and where each of them lies in the patient, never one without the other.

Axes are `voxels[i, j, k]`: i counts columns (along a row), j counts rows, k counts slices. The affine takes
(i, j, k, 1) to millimetres in DICOM's own frame, LPS: x to the patient's left, y to the back, z to the head.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from pydicom.dataset import Dataset

from radloop.dicom.read import text
from radloop.errors import StudyRejected

#: LPS to RAS and back: the same turn, for both only change the sign of x and y.
_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Source:
    """Which image a slice came from, so that masks can point back to it: its UID and its frame, counted from 1."""

    instance: str = field(repr=False)  # the original UID may tell who the patient is, and a repr lands in logs
    frame: int = 1


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels [i, j, k] with their affine [4, 4] in LPS millimetres, because numbers without a place mislead.

    `unit` is what a voxel counts (HU, BQML, g/ml, empty where nobody told), `sources` has one entry per slice or is
    empty. Raises StudyRejected where the affine is no place: not finite, flat, or of another shape.
    """

    voxels: np.ndarray = field(repr=False)
    affine: np.ndarray
    frame_of_reference: str = field(default="", repr=False)
    unit: str = ""
    sources: tuple[Source, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        affine = np.array(self.affine, np.float64)
        if self.voxels.ndim != 3 or affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise StudyRejected("no_geometry", "a volume needs three axes and a finite 4x4 affine.", "correct the file")
        if abs(np.linalg.det(affine)) < 1e-12 or not np.array_equal(affine[3], (0, 0, 0, 1)):
            raise StudyRejected("no_geometry", "the affine maps the volume onto a plane.", "correct the file")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)

    @classmethod
    def from_ras(cls, voxels: np.ndarray, affine: np.ndarray, unit: str = "") -> Volume:
        """From voxels and an affine in RAS, as NIfTI and MONAI have them; the voxels stay where they are."""
        return cls(voxels, _FLIP @ np.asarray(affine, np.float64), unit=unit)

    def to_ras(self) -> tuple[np.ndarray, np.ndarray]:
        """The same voxels with the affine in RAS, as NIfTI and MONAI want them; exact, nothing is resampled."""
        return self.voxels, _FLIP @ self.affine

    @property
    def spacing(self) -> np.ndarray:
        """Millimetres from one voxel centre to the next along i, j and k, as float64 [3]."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    @property
    def shear(self) -> float:
        """Degrees by which the slices' axis leaves their normal: above 0 after a gantry tilt.

        A tool that stores only spacing and direction loses it, so ask before giving the volume to one.
        """
        i, j, k = (self.affine[:3, :3] / self.spacing).T
        normal = np.cross(i, j)
        return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(normal, k)), abs(normal @ k))))

    def positions(self, indices: np.ndarray) -> np.ndarray:
        """Millimetres in LPS [n, 3] of voxel indices [n, 3]; whole numbers are voxel centres."""
        return np.asarray(np.asarray(indices, np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3])

    def indices(self, positions: np.ndarray) -> np.ndarray:
        """Voxel indices as float64 [n, 3] of millimetres in LPS [n, 3], the inverse of `positions`."""
        offset = np.asarray(positions, np.float64) - self.affine[:3, 3]
        return np.asarray(np.linalg.solve(self.affine[:3, :3], offset.T).T)

    def with_voxels(self, voxels: np.ndarray, unit: str | None = None) -> Volume:
        """Other voxels [i, j, k] at the same places, because arithmetic must not lose the geometry.

        Raises StudyRejected for voxels of another shape.
        """
        if voxels.shape != self.voxels.shape:
            raise StudyRejected(
                "grid", f"{voxels.shape} voxels do not lie on a grid of {self.voxels.shape}.", "resample them first"
            )
        return replace(self, voxels=voxels, unit=self.unit if unit is None else unit)

    def require_sources(self, image: Dataset) -> None:
        """Ask that every slice names its image and that `image` is one of them, or results would point astray.

        Raises StudyRejected.
        """
        if len(self.sources) != self.voxels.shape[2]:
            raise StudyRejected(
                "no_sources", "the volume does not name the images of its slices.", "read it from DICOM"
            )
        if text(image, "SOPInstanceUID") not in {source.instance for source in self.sources}:
            raise StudyRejected("other_images", "the image is none of the volume's.", "give one of its images")

    def windowed(self, centre: float, width: float) -> Volume:
        """Grey values between 0 and 1 in one window for all slices, because a series may tell another for each.

        Source: PS3.3 C.11.2.1.3.2 (LINEAR_EXACT). Raises StudyRejected for a width that is not above 0.
        """
        if not width > 0:
            raise StudyRejected("window", f"a window of width {width:g} shows nothing.", "give a width above 0")
        grey = (self.voxels.astype(np.float32) - np.float32(centre)) / np.float32(width) + np.float32(0.5)
        return self.with_voxels(np.clip(grey, 0, 1), unit="")
