"""A real server on loopback: what it has answered is in the log, even when it is killed at work."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from radloop.errors import ServiceUnavailable
from radloop.params import UseCase
from radloop.predictions import PredictionLog
from radloop.serving.deploy import answers, service_of, smoke_http
from radloop.settings import Settings

from .conftest import CASE, NAME, dicom, make_bundle, png
from .test_deploy import cases_of

pytestmark = pytest.mark.server
EVER = (date(2020, 1, 1), date(2100, 1, 1))

SERVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from conftest import CASE, Registry
import uvicorn
from radloop.serving.app import create_app
from radloop.settings import Settings
app = create_app(Settings(home=Path(sys.argv[2])), CASE, Registry({"1": Path(sys.argv[3])}, "1"))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[4]), log_level="info")
"""


@contextmanager
def serving(home: Path, bundle: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", SERVER, str(Path(__file__).parent), str(home), str(bundle), str(port)]
    with (home.parent / "server.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            _wait(f"http://127.0.0.1:{port}/healthz", server)
            yield f"http://127.0.0.1:{port}", server
        finally:
            server.terminate()


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(url, trust_env=False).json()["ready"]:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    pytest.fail("the server did not get well")


def test_a_live_server_answers_many_at_once_and_names_nobody_in_its_log(tmp_path: Path, case: UseCase) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    odd = dicom(3, PatientBirthDate=NAME, StudyTime=NAME)
    with serving(tmp_path / "home", tmp_path / "bundle") as (url, _), ThreadPoolExecutor(8) as people:
        with httpx.Client(base_url=url, trust_env=False) as client:
            ask = [dicom(seed % 4) for seed in range(24)] + [odd, odd[:700], png(1, "RGB"), b""]
            replies = list(people.map(lambda content: client.post("/predict", content=content), ask))
        report = smoke_http(url, bundle, cases_of(bundle), case.deploy)
    said = {reply.json()["prediction_id"] for reply in replies if reply.status_code == 200}
    assert len(said) == 25 and [reply.status_code for reply in replies[-3:]] == [422] * 3
    rows = PredictionLog(tmp_path / "home" / "log").read(CASE, *EVER)
    assert set(rows["prediction_id"]) == said
    assert report.passed, report
    assert b"Zweistein" not in (tmp_path / "server.log").read_bytes()


def test_a_service_that_does_not_take_the_bundle_up_fails_and_one_that_is_away_is_tried_again(
    tmp_path, case, monkeypatch
) -> None:
    make_bundle(tmp_path / "bundle")
    other = make_bundle(tmp_path / "other", offset=1.0)
    monkeypatch.setattr("radloop.serving.deploy.PATIENCE", 0.5)
    home = tmp_path / "home"
    with serving(home, tmp_path / "bundle") as (url, _):
        report = smoke_http(url, other, cases_of(other), case.deploy)
    assert [check.name for check in report.checks] == ["taken up"] and not report.passed
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        smoke_http(url, other, cases_of(other), case.deploy)


def test_a_service_is_found_by_its_own_installation_and_by_whoever_names_its_address(tmp_path: Path) -> None:
    make_bundle(tmp_path / "bundle")
    home, other = Settings(home=tmp_path / "home"), Settings(home=tmp_path / "other")
    with serving(tmp_path / "home", tmp_path / "bundle") as (url, _):
        assert answers(url, CASE, home.mark) and answers(url, CASE, None)
        assert not answers(url, CASE, other.mark)
        assert not answers(url, "another_case", None)
        port = int(url.rpartition(":")[2])
        assert service_of(home.model_copy(update={"serving_port": port}), CASE) == url
        assert service_of(other.model_copy(update={"serving_port": port}), CASE) == ""
        assert service_of(other.model_copy(update={"serving_url": f"{url}/"}), CASE) == url
    assert not answers(url, CASE, home.mark)


def test_another_server_at_the_address_is_no_service(tmp_path: Path) -> None:
    (tmp_path / "healthz").write_text('{"status": "ok"}')
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert not answers(f"http://127.0.0.1:{server.server_port}", CASE, None)
        (tmp_path / "healthz").write_text("fine")
        assert not answers(f"http://127.0.0.1:{server.server_port}", CASE, None)
        server.shutdown()


def test_a_server_killed_at_work_has_journalled_every_answer_it_gave(tmp_path: Path) -> None:
    make_bundle(tmp_path / "bundle")
    said: list[str] = []

    def ask_until_it_dies(url: str) -> None:
        with httpx.Client(base_url=url, trust_env=False) as client:
            while True:
                try:
                    said.append(client.post("/predict", content=png(1)).json()["prediction_id"])
                except httpx.HTTPError:
                    return

    with serving(tmp_path / "home", tmp_path / "bundle") as (url, server):
        people = [threading.Thread(target=ask_until_it_dies, args=(url,)) for _ in range(4)]
        for person in people:
            person.start()
        deadline = time.monotonic() + 60
        while len(said) < 12 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(server.pid, signal.SIGKILL)
        for person in people:
            person.join()
    log = PredictionLog(tmp_path / "home" / "log")
    log.seal()
    assert len(said) >= 12
    assert set(said) <= set(log.read(CASE, *EVER)["prediction_id"])
