"""The service answers what it may, refuses what it must, and never without a journal."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from radloop.errors import ConfigurationError, ServiceUnavailable
from radloop.modeling.runtimes import OPENVINO
from radloop.predictions import PredictionLog
from radloop.retained import load_retained
from radloop.serving.app import create_app

from .conftest import CASE, NAME, dicom, png

EVER = (date(2020, 1, 1), date(2100, 1, 1))


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def client(settings, registry) -> Iterator[TestClient]:
    with TestClient(create_app(settings, CASE, registry), raise_server_exceptions=False) as client:
        yield client


def test_a_radiograph_is_answered_and_journalled_first(client: TestClient, settings) -> None:
    reply = client.post("/predict", content=dicom(1), headers={"Content-Type": "application/dicom"})
    assert reply.status_code == 200
    said = reply.json()
    (row,) = PredictionLog(settings.log).read(CASE, *EVER).to_dict("records")
    assert row["prediction_id"] == said["prediction_id"]
    assert row["score"] == said["probability"] and 0 < row["score"] < 1
    assert row["decision"] == said["decision"] == (said["probability"] >= said["threshold"])
    assert (row["model_version"], row["bundle"], row["channel"]) == ("1", said["bundle"], "serve")
    assert (row["sex"], row["age"], row["manufacturer"], row["view"]) == ("F", 61.0, "Vendor A", "PA")
    assert row["received_on"] == datetime.now(UTC).date() and row["acquired_on"] is None
    assert row["image_mean"] > 0 and row["latency_ms"] > 0 and len(row["embedding"]) == 2


def test_the_kept_input_has_the_hash_in_the_log_and_no_name(client: TestClient, settings) -> None:
    client.post("/predict", content=dicom(1))
    (row,) = PredictionLog(settings.log).read(CASE, *EVER).to_dict("records")
    assert NAME.encode() not in load_retained(settings.retained, row["input_sha256"]).content


def test_a_body_and_a_form_are_the_same_question(client: TestClient) -> None:
    raw = client.post("/predict", content=png(3), headers={"Content-Type": "image/png"}).json()
    form = client.post("/predict", files={"file": ("x.png", png(3), "image/png")}).json()
    assert raw["probability"] == form["probability"] and raw["prediction_id"] != form["prediction_id"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty_file"),
        (b"hello", "not_an_image_file"),
        (dicom(1)[: len(dicom(1)) // 2], None),
        (dicom(1, modality="CT"), "not_accepted"),
        (png(1)[:500], None),
        (png(1, "I;16"), None),
        (png(1, "RGB"), None),
    ],
    ids=["zero-byte", "text", "truncated DICOM", "CT", "truncated PNG", "16-bit PNG", "colour PNG"],
)
def test_what_cannot_be_asked_is_refused_with_its_reason_and_no_patient(client, settings, content, reason) -> None:
    reply = client.post("/predict", content=content)
    said = reply.json()
    assert reply.status_code == 422 and said["family"] == "study_rejected"
    assert reason is None or said["reason"] == reason
    assert said["message"] and said["next_step"] and "Zweistein" not in reply.text
    assert PredictionLog(settings.log).read(CASE, *EVER).empty
    assert f'rejections_total{{reason="{said["reason"]}"}} 1' in client.get("/metrics").text


def test_a_body_beyond_the_knob_is_refused_unread(client: TestClient) -> None:
    reply = client.post("/predict", content=b"x" * (2**20 + 1))
    assert reply.status_code == 413 and reply.json()["reason"] == "body_too_large"

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 2**16

    assert client.post("/predict", content=endless()).status_code == 413


def test_a_form_without_exactly_one_file_is_refused(client: TestClient) -> None:
    two = [("file", ("a", png(1))), ("file", ("b", png(2)))]
    assert client.post("/predict", files=two).json()["reason"] == "not_one_file"
    broken = client.post("/predict", content=b"no form", headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert broken.status_code == 422


def test_without_a_champion_the_service_lives_but_does_not_answer(settings, registry) -> None:
    registry.version = None
    with TestClient(create_app(settings, CASE, registry)) as client:
        assert client.get("/healthz").json() == {
            "status": "no_champion",
            "ready": False,
            "use_case": CASE,
            "installation": settings.mark,
            "version": None,
            "bundle": None,
            "trouble": "",
        }
        reply = client.post("/predict", content=png(1))
        assert reply.status_code == 503 and "no champion" in reply.json()["message"]
        assert client.get("/model").status_code == 503
        registry.version = "1"
        assert eventually(lambda: client.post("/predict", content=png(1)).status_code == 200)


def test_a_new_champion_is_followed_without_a_restart(client: TestClient, registry) -> None:
    before = client.post("/predict", content=png(1)).json()
    registry.version = "2"
    assert eventually(lambda: client.get("/model").json()["version"] == "2")
    after = client.post("/predict", content=png(1)).json()
    assert after["model_version"] == "2" and after["bundle"] != before["bundle"]
    odds = [p["probability"] / (1 - p["probability"]) for p in (before, after)]
    assert odds[0] / odds[1] == pytest.approx(np.e)


def test_a_withdrawn_champion_stops_answering(client: TestClient, registry) -> None:
    registry.version = None
    assert eventually(lambda: client.post("/predict", content=png(1)).status_code == 503)


def test_with_the_registry_away_the_last_good_bundle_goes_on_and_health_says_so(client, registry) -> None:
    registry.away = True
    assert eventually(lambda: client.get("/healthz").json()["status"] == "stale")
    assert "registry" in client.get("/healthz").json()["trouble"]
    assert client.post("/predict", content=png(1)).status_code == 200
    registry.away = False
    assert eventually(lambda: client.get("/healthz").json()["status"] == "ok")


def test_a_restart_with_the_registry_away_serves_the_last_good_bundle(settings, registry) -> None:
    with TestClient(create_app(settings, CASE, registry)):
        pass
    registry.away = True
    with TestClient(create_app(settings, CASE, registry)) as client:
        assert client.get("/healthz").json()["status"] == "stale"
        assert client.post("/predict", content=png(1)).json()["model_version"] == "1"


def test_a_champion_that_cannot_be_loaded_leaves_the_old_one(client: TestClient, registry) -> None:
    with (registry.folders["2"] / "model.onnx").open("ab") as stream:
        stream.write(b"x")
    registry.version = "2"
    assert eventually(lambda: client.get("/healthz").json()["status"] == "stale")
    assert client.post("/predict", content=png(1)).json()["model_version"] == "1"


def test_an_unwritable_journal_means_no_answer(client: TestClient, monkeypatch) -> None:
    def full(self: Any, predictions: Any) -> None:
        raise ServiceUnavailable("the prediction log cannot be written: No space left on device", "free space")

    monkeypatch.setattr("radloop.predictions.log.PredictionLog.append", full)
    reply = client.post("/predict", content=png(1))
    assert reply.status_code == 503 and "probability" not in reply.text


def test_an_input_that_cannot_be_kept_means_no_answer(client: TestClient, settings) -> None:
    settings.retained.parent.mkdir(parents=True, exist_ok=True)
    settings.retained.write_text("a file where a folder should be")
    reply = client.post("/predict", content=png(1))
    assert reply.status_code == 503 and PredictionLog(settings.log).read(CASE, *EVER).empty


def test_a_token_is_asked_for_where_one_is_set(settings, registry) -> None:
    guarded = type(settings)(home=settings.home, serving_token="sesame", serving_poll_seconds=1, serving_readers=1)
    with TestClient(create_app(guarded, CASE, registry)) as client:
        assert client.post("/predict", content=png(1)).status_code == 401
        wrong = client.post("/predict", content=png(1), headers={"Authorization": "Bearer sesam"})
        right = client.post("/predict", content=png(1), headers={"Authorization": "Bearer sesame"})
        assert (wrong.status_code, right.status_code) == (401, 200)


def test_smoke_answers_are_journalled_but_are_no_production(client: TestClient, settings) -> None:
    said = client.post("/predict", content=png(1), headers={"X-Radloop-Smoke": "1"}).json()
    log = PredictionLog(settings.log)
    assert log.read(CASE, *EVER).empty and log.ids(CASE, said["bundle"]) == {said["prediction_id"]}


def test_a_bug_is_logged_by_its_place_never_by_its_words(client: TestClient, monkeypatch, caplog) -> None:
    def crash(*arguments: Any) -> None:
        raise RuntimeError(f"cannot parse {NAME}")

    monkeypatch.setattr("radloop.serving.readers.Readers.read", crash)
    with caplog.at_level(logging.DEBUG):
        reply = client.post("/predict", content=dicom(1))
    assert reply.status_code == 500 and "RuntimeError" in caplog.text
    assert "Zweistein" not in caplog.text + reply.text


def test_the_pages_need_no_network(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "/predict" in page and "//" not in page.replace("data:,", "")
    schema = client.get("/openapi.json").json()
    bodies = schema["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert set(bodies) == {"application/dicom", "image/png", "multipart/form-data"}
    facts = client.get("/model").json()
    assert facts["finding"] == "Pneumonia" and facts["threshold"] == 0.4


def test_metrics_count_requests_and_latency(client: TestClient) -> None:
    client.post("/predict", content=png(1))
    text = client.get("/metrics").text
    assert 'radloop_requests_total{status="200"} 1' in text and "radloop_latency_seconds_count 1" in text


def test_a_service_without_its_engine_does_not_start_and_says_why(settings, registry, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ConfigurationError, match="OpenVINO is not installed") as caught:
        create_app(settings.model_copy(update={"engine": "openvino"}), CASE, registry)
    assert OPENVINO in caught.value.next_step


def test_a_service_tells_its_engine(client: TestClient) -> None:
    assert client.get("/model").json()["engine"] == "onnxruntime"


@pytest.mark.skipif(find_spec("openvino") is None, reason=f"the extra is not installed: {OPENVINO}")
def test_the_machines_engine_gives_the_same_answer(client: TestClient, settings, registry) -> None:
    other = settings.model_copy(update={"engine": "openvino"})
    with TestClient(create_app(other, CASE, registry), raise_server_exceptions=False) as service:
        assert service.get("/model").json()["engine"] == "openvino"
        said, expected = (one.post("/predict", content=png(1)).json() for one in (service, client))
    assert said["bundle"] == expected["bundle"]
    assert said["probability"] == pytest.approx(expected["probability"], abs=1e-4)
