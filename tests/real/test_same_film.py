"""The same real film, once as PNG and once as DICOM of the other polarity and depth, gets the same score."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
import torch
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian
from scipy.special import expit

from radloop.imaging.pixels import read_pixels
from radloop.imaging.preprocess import Preprocess, preprocess
from radloop.modeling.checkpoint import Checkpoints
from radloop.modeling.dataset import Labelled
from radloop.modeling.fit import Machine, auroc, fit, judge
from radloop.modeling.journal import Journal
from radloop.modeling.networks import Network, build

pytestmark = [pytest.mark.real, pytest.mark.slow]
SETTINGS = Preprocess(64, 1.0, 99.0)


def as_dicom(pixels: np.ndarray) -> bytes:
    """A 12-bit MONOCHROME1 film with a window, whose display values are those of the PNG but for rounding."""
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.SOPClassUID = film.file_meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = "2.25.1"
    film.StudyInstanceUID, film.SeriesInstanceUID, film.PatientID = "2.25.2", "2.25.3", "invented"
    film.Modality, film.PhotometricInterpretation, film.SamplesPerPixel = "DX", "MONOCHROME1", 1
    film.Rows, film.Columns = pixels.shape
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
    stored = 3800 - np.rint(pixels * (3400 / 255)).astype(np.uint16)
    film.WindowCenter, film.WindowWidth = "2100.5", "3401"
    film.PixelData = stored.tobytes()
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, film, enforce_file_format=True)
    return stream.getvalue()


@pytest.fixture(scope="module")
def films(shared_data: Path) -> tuple[list[bytes], np.ndarray, np.ndarray]:
    """PNG files, whether each shows pneumonia, and whose they are."""
    table = pd.read_csv(shared_data / "nih_cxr" / "Data_Entry_2017_v2020.csv")
    contents = [(shared_data / "nih_cxr" / "images" / name).read_bytes() for name in table["Image Index"]]
    labels = table["Finding Labels"].str.split("|").map(lambda found: "Pneumonia" in found)
    return contents, labels.to_numpy(np.float32), table["Patient ID"].to_numpy()


@pytest.fixture(scope="module")
def network(films, case, tmp_path_factory) -> torch.nn.Module:
    """A network that has learnt something: four epochs on small pictures of two thirds of the patients."""
    contents, labels, patients = films
    images = np.stack([preprocess(read_pixels(content, "image/png"), SETTINGS) for content in contents])
    splits = [
        Labelled(images, rows := np.flatnonzero(held), labels[rows]) for held in (patients % 3 > 0, patients % 3 < 1)
    ]
    settings = case.train.model_copy(update={"epochs": 4, "small_epochs": 0, "patience": 9, "average_decay": 0.9})
    live = tmp_path_factory.mktemp("live")
    spec, machine = Network("resnet18", 2, 64), Machine(torch.device("cpu"))
    fitted = fit(spec, settings, (splits[0], splits[1]), machine, Checkpoints(live, "key"), Journal(live))
    assert auroc(splits[1].labels, fitted.logit) > 0.65
    trained = build(spec)
    trained.load_state_dict(fitted.weights)
    return trained.eval()


def test_the_same_film_as_dicom_and_as_png_scores_within_a_hundredth(network, films) -> None:
    chosen = films[0][::8]
    grey = [read_pixels(content, "image/png") for content in chosen]
    pairs = [(pixels, read_pixels(as_dicom(pixels), "application/dicom")) for pixels in grey]
    scores = []
    for kind in (0, 1):
        images = np.stack([preprocess(pair[kind], SETTINGS) for pair in pairs])
        split = Labelled(images, np.arange(len(images)), np.zeros(len(images), np.float32))
        scores.append(expit(judge(network, split, torch.device("cpu"))[0].astype(float)))
    assert np.std(scores[0]) > 0.05  # the network tells films apart, so that equal scores mean something
    assert np.abs(scores[0] - scores[1]).max() < 0.01
