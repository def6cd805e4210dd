"""The live path and the training path give the network the same tensor."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from radloop.bundle import Bundle
from radloop.catalog import admit, read_catalog
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import StudyRejected
from radloop.imaging.films import prepare_films
from radloop.imaging.pixels import read_pixels
from radloop.imaging.preprocess import preprocess
from radloop.imaging.statistics import image_statistics
from radloop.records import STATISTICS
from radloop.serving.reader import Occasion, Served, answer, read_study
from radloop.sources import read_instance

from .conftest import dicom, png

PSEUDONYMS = Pseudonyms(b"k" * 32)


@pytest.mark.parametrize("content", [dicom(4), png(4)], ids=["DICOM", "PNG"])
def test_a_live_study_becomes_the_tensor_that_prepare_makes_of_the_stored_bytes(content: bytes, bundle: Bundle) -> None:
    stored = read_instance(content, PSEUDONYMS)
    pixels = read_pixels(stored.content, stored.record.content_type)
    prepared = preprocess(pixels, bundle.preprocess)
    study = read_study(content, bundle, PSEUDONYMS)
    assert np.array_equal(study.image, prepared) and study.image.dtype == np.uint8
    assert study.statistics == image_statistics(
        pixels, prepared, stored.record.bits_stored, stored.record.pixel_spacing
    )
    assert set(study.statistics) == set(STATISTICS)


def test_the_training_array_holds_bit_for_bit_what_the_live_service_gives_the_network(bundle, tmp_path) -> None:
    contents = [dicom(1), dicom(2, PhotometricInterpretation="MONOCHROME1"), png(3)]
    admit(tmp_path / "snapshot", [read_instance(content, PSEUDONYMS) for content in contents])
    films = read_catalog(tmp_path / "snapshot")
    described = prepare_films(tmp_path / "snapshot", films, bundle.preprocess, tmp_path / "images.npy", workers=1)
    trained = dict(zip(films["sha256"], zip(np.load(tmp_path / "images.npy"), described, strict=True), strict=True))
    for content in contents:
        study = read_study(content, bundle, PSEUDONYMS)
        image, facts = trained[study.arrival.record.sha256]
        assert np.array_equal(study.image, image)
        assert study.statistics == {name: facts[name] for name in STATISTICS}


def test_the_same_film_as_dicom_and_as_png_scores_alike(bundle: Bundle) -> None:
    scores = [
        bundle.predict(read_study(content, bundle, PSEUDONYMS).image[None]).score[0] for content in (dicom(4), png(4))
    ]
    assert abs(scores[0] - scores[1]) < 0.01


def test_a_batch_says_what_each_of_its_studies_would_hear_alone(served: Served) -> None:
    occasion = Occasion("infer", date(2026, 1, 9))
    studies = [read_study(dicom(seed), served.bundle, PSEUDONYMS) for seed in range(3)]
    together = answer(studies, served, occasion)
    alone = [answer([study], served, occasion)[0] for study in studies]
    assert [p.score for p in together] == [p.score for p in alone]
    assert [p.prediction_id for p in together] == [p.prediction_id for p in alone]
    assert {p.received_on for p in together} == {date(2026, 1, 9)}
    assert answer([], served, occasion) == []


def test_a_live_answer_has_an_id_of_its_own_and_counts_today(served: Served) -> None:
    study = read_study(dicom(1), served.bundle, PSEUDONYMS)
    first, second = (answer([study], served, Occasion("serve"))[0] for _ in range(2))
    assert first.prediction_id != second.prediction_id
    assert first.received_on == first.predicted_at.date()


def test_no_answer_tells_the_shifted_day_beside_the_true_one(served: Served) -> None:
    study = read_study(dicom(1), served.bundle, PSEUDONYMS)
    (row,) = answer([study], served, Occasion("infer"))
    assert row.received_on == study.arrival.day == date(2026, 1, 5) != study.arrival.record.acquired_on
    assert row.acquired_on is None


def test_a_study_that_the_bundle_does_not_accept_is_refused_before_its_pixels_are_read(bundle: Bundle) -> None:
    with pytest.raises(StudyRejected, match="CT"):
        read_study(dicom(1, modality="CT"), bundle, PSEUDONYMS)
