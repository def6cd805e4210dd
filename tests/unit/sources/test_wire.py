"""An instance is the same file whichever way it came, and its bytes are the sender's."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable

import pydicom
import pytest
from pydicom.dataset import Dataset

from radloop.errors import StudyRejected
from radloop.files import sha256
from radloop.sources.wire import Instance, from_file, from_wire

EXPLICIT = "1.2.840.10008.1.2.1"


def test_the_file_is_dicom_with_the_data_set_unchanged(dataset: Callable[..., bytes]) -> None:
    sent = dataset()
    instance = from_wire(sent, EXPLICIT)
    content = instance.head + bytes(instance.dataset)
    read = pydicom.dcmread(io.BytesIO(content))
    assert content.endswith(sent) and len(content) == instance.size
    assert (read.file_meta.MediaStorageSOPInstanceUID, read.file_meta.TransferSyntaxUID) == ("1.2.3.1", EXPLICIT)
    assert read.SOPInstanceUID == instance.uid and read.StudyInstanceUID == instance.study


def test_the_meta_information_never_changes_between_versions(dataset: Callable[..., bytes]) -> None:
    """Or whatever a spool holds would look like other bytes under the same UID."""
    assert (
        sha256(from_wire(dataset(), EXPLICIT).head)
        == "0c651632067e8d78669870a573366e43951eb6d826b3dca77bf17f0ba33871c2"
    )


def test_a_file_from_a_pacs_is_the_same_instance_as_one_over_the_wire(
    film: Callable[..., Dataset], file_of: Callable[[Dataset], bytes]
) -> None:
    content = file_of(film())
    instance = from_file(content)
    assert from_wire(bytes(instance.dataset), EXPLICIT) == instance
    assert b"AETITLE-Z" in content and b"AETITLE-Z" not in instance.head


@pytest.mark.parametrize(
    ("implicit", "little", "syntax"),
    [(True, True, "1.2.840.10008.1.2"), (False, False, "1.2.840.10008.1.2.2"), (False, True, "1.2.840.10008.1.2.4.70")],
)
def test_every_encoding_tells_its_uids(film: Callable[..., Dataset], implicit: bool, little: bool, syntax: str) -> None:
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = implicit, little
    write_dataset(stream, film(PixelData=None))
    assert from_wire(stream.getvalue(), syntax).uid == "1.2.3.4.5.1"


def test_a_deflated_data_set_tells_its_uids(dataset: Callable[..., bytes]) -> None:
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(dataset()) + packer.flush()
    instance: Instance = from_wire(packed, "1.2.840.10008.1.2.1.99")
    assert (instance.uid, instance.dataset) == ("1.2.3.1", packed)


@pytest.mark.parametrize("content", [b"", b"Zanzibar" * 40, b"\x08\x00\x16\x00UI\xff\xff12"])
def test_what_cannot_be_parsed_is_refused_without_quoting_it(content: bytes) -> None:
    with pytest.raises(StudyRejected) as refusal:
        from_wire(content, EXPLICIT)
    assert "Zanzibar" not in str(refusal.value)
    with pytest.raises(StudyRejected, match="no DICOM file"):
        from_file(content)


def test_an_instance_without_its_uids_is_refused_by_the_name_of_the_attribute(
    dataset: Callable[..., bytes],
) -> None:
    with pytest.raises(StudyRejected, match="StudyInstanceUID is missing"):
        from_wire(dataset(study=""), EXPLICIT)
    with pytest.raises(StudyRejected, match="SOPInstanceUID is no UID"):
        from_wire(dataset(uid="../../etc"), EXPLICIT)
