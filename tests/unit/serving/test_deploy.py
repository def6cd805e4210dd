"""A new version must say again what was judged, and refuse strangers, or it is rolled back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radloop.bundle import Bundle
from radloop.catalog import admit, read_catalog
from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import GateClosed
from radloop.params import Params, Paths, UseCase
from radloop.serving.deploy import SmokeCase, SmokeReport, smoke, smoke_cases
from radloop.serving.reader import read_study
from radloop.serving.strangers import strangers
from radloop.sources import read_instance

from .conftest import CASE, dicom, make_bundle

PSEUDONYMS = Pseudonyms(b"k" * 32)


def cases_of(bundle: Bundle) -> list[SmokeCase]:
    """Three films as a judged run would have left them."""
    studies = [read_study(dicom(seed), bundle, PSEUDONYMS) for seed in range(3)]
    scores = bundle.predict(np.stack([study.image for study in studies])).score
    return [SmokeCase(s.image, s.arrival.content, float(p)) for s, p in zip(studies, scores, strict=True)]


def _failed(report: SmokeReport) -> set[str]:
    return {check.name for check in report.checks if not check.holds}


def test_a_good_version_passes_and_every_check_is_told(bundle: Bundle, case: UseCase) -> None:
    report = smoke(bundle, cases_of(bundle), case.deploy)
    assert report.require("version 1") is report
    assert {check.name for check in report.checks} == {"same images", "same scores", "latency", "refusals"}


def test_a_version_that_scores_otherwise_fails_and_says_by_how_much(bundle, case: UseCase, tmp_path: Path) -> None:
    other = make_bundle(tmp_path / "other", offset=1.0)
    report = smoke(other, cases_of(bundle), case.deploy)
    assert _failed(report) == {"same scores"}
    with pytest.raises(GateClosed, match=r"smoke set of version 2 failed \(same scores"):
        report.require("version 2")


def test_another_preprocessing_is_seen_in_the_images(bundle: Bundle, case: UseCase) -> None:
    shifted = [replace(c, image=c.image ^ 1) for c in cases_of(bundle)]
    assert _failed(smoke(bundle, shifted, case.deploy)) == {"same images"}


def test_a_slow_version_fails(bundle: Bundle, case: UseCase) -> None:
    hurried = case.deploy.model_copy(update={"largest_latency_ms": 1e-6})
    assert _failed(smoke(bundle, cases_of(bundle), hurried)) == {"latency"}


def test_a_version_that_lets_strangers_in_fails(bundle: Bundle, case: UseCase) -> None:
    class Gullible(Bundle):
        def accepts(self, record: object) -> None:
            return

    gullible = Gullible(bundle.hash, bundle.manifest, bundle.engine, bundle.projection)
    assert _failed(smoke(gullible, cases_of(bundle), case.deploy)) == {"refusals"}


def test_no_case_is_no_proof(bundle: Bundle, case: UseCase) -> None:
    assert {"same scores", "latency"} <= _failed(smoke(bundle, [], case.deploy))


def test_the_stranger_is_a_valid_image_of_a_modality_that_the_model_does_not_take(bundle: Bundle) -> None:
    foreign = strangers(bundle)
    arrival = read_instance(foreign["a CT image"], PSEUDONYMS)
    assert arrival.record.modality == "CT"


def test_the_cases_are_the_first_held_out_films_with_the_bytes_and_the_score_of_the_run(
    bundle: Bundle, params: Params, tmp_path: Path
) -> None:
    paths = Paths(data=tmp_path / "data", out=tmp_path / "out")
    arrivals = [read_instance(dicom(seed), PSEUDONYMS) for seed in range(6)]
    admit(paths.snapshot(CASE), arrivals)
    index = read_catalog(paths.snapshot(CASE)).assign(row=lambda frame: range(len(frame)))
    prepare, predict = paths.stage(CASE, "prepare"), paths.stage(CASE, "predict")
    prepare.mkdir(parents=True)
    predict.mkdir(parents=True)
    images = np.stack([read_study(dicom(seed), bundle, PSEUDONYMS).image for seed in range(6)])
    np.save(prepare / "images.npy", images)
    index.to_parquet(prepare / "index.parquet")
    judged = pd.DataFrame({"record_id": index["record_id"], "score": bundle.predict(images).score})
    judged["split"] = ["validation", "test", "test", "test", "test", "validation"]
    judged.sample(frac=1, random_state=0).to_parquet(predict / "predictions.parquet")
    cases = smoke_cases(paths, CASE, 3)
    expected = judged[judged["split"] == "test"].sort_values("record_id").head(3)
    assert [c.score for c in cases] == expected["score"].tolist()
    assert smoke(bundle, cases, params.use_case(CASE).deploy).passed
