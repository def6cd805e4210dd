"""Things that no model may answer about; a deployment offers them to see that they are refused."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage, UltrasoundImageStorage

if TYPE_CHECKING:
    from radloop.bundle import Bundle

_CLASSES = {"CT": CTImageStorage, "MR": MRImageStorage, "US": UltrasoundImageStorage}


def strangers(bundle: Bundle) -> dict[str, bytes]:
    """An empty file, a text, and a valid image of a modality that this bundle was never shown."""
    known = set(bundle.manifest["accepts"]["modality"])
    modality = next(name for name in _CLASSES if name not in known)
    return {"an empty file": b"", "a text": b"not an image", f"a {modality} image": image_of(modality)}


def image_of(modality: str) -> bytes:
    """A small valid DICOM image of an invented patient: a disc, 12 bits."""
    rows = np.hypot(*np.mgrid[-64:64, -64:64])
    pixels = np.where(rows < 48, 1200, 80).astype(np.uint16)
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = _CLASSES[modality]
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = "2.25.1"
    image.StudyInstanceUID, image.SeriesInstanceUID = "2.25.2", "2.25.3"
    image.PatientID, image.PatientName = "stranger", "Stranger^Invented"
    image.Modality, image.BodyPartExamined = modality, "ABDOMEN"
    image.BurnedInAnnotation = "NO"  # it is to be refused for its modality, not for what might be written on it
    image.PhotometricInterpretation, image.SamplesPerPixel = "MONOCHROME2", 1
    image.Rows, image.Columns = pixels.shape
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.PixelData = pixels.tobytes()
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, image, enforce_file_format=True)
    return stream.getvalue()
