"""A real server is sent files that end, stall and bloat whatever reads them; it refuses them and goes on answering."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from struct import pack

import httpx
import pytest

from radloop.fuzzing.bad_files import header_kinds
from radloop.fuzzing.bad_pixels import bad_pngs, chunk, strange_fragments
from radloop.fuzzing.bad_sets import bad_sets
from radloop.fuzzing.bad_volumes import bad_volumes
from radloop.fuzzing.films import film, wrapped
from radloop.png import SIGNATURE

from .conftest import CASE, NAME, dicom, make_bundle, png
from .test_live import serving

pytestmark = pytest.mark.server

KINDS = {
    kind.name: kind.content
    for kind in (*header_kinds(), *strange_fragments(), *bad_pngs(), *bad_volumes(), *bad_sets())
}
SENT = (
    "deflate_bomb", "depth_10000", "depth_10000_implicit", "largest_with_few_pixels", "frames_two_billion",
    "length_of_4_gib", "jpeg_2000_of_4_gib", "png_header_large_and_empty", "png_raster_bomb", "png_text_bomb",
    "nifti_bomb_behind", "nifti_bomb_told", "npz_bomb", "npz_objects", "zip_slip",
)  # fmt: skip
TOO_MUCH = {"too_slow", "too_much_memory"}


def endless_png() -> bytes:
    """Millions of pieces of pixels, so that holding them takes more than they may on however fast a machine."""
    piece = chunk(b"IDAT", b"some")
    head = pack(">IIBBBBB", 200, 200, 8, 0, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", head) + piece * (62_000_000 // len(piece))


def endless_header() -> bytes:
    """A film in which millions of small elements come before anything that is looked for."""
    many = b"".join(pack("<HH2sH2s", 0x0009, 0x1000 + at % 0xEFFF, b"LO", 2, b"x ") for at in range(0xEFFF)) * 80
    return wrapped(many) + film("behind")[-400:]


def readers_of(server: int) -> list[int]:
    """The reading processes of a server, told from multiprocessing's own by what they run."""
    tasks = Path(f"/proc/{server}/task").iterdir()
    children = {int(child) for task in tasks for child in (task / "children").read_text().split()}
    return [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_hostile_files_are_refused_and_good_ones_between_them_are_answered(tmp_path: Path) -> None:
    make_bundle(tmp_path / "bundle")
    bad = {name: KINDS[name] for name in SENT} | {"endless_header": endless_header(), "endless_png": endless_png()}
    said, seconds = {}, []
    with serving(tmp_path / "home", tmp_path / "bundle") as (url, server), _client(url) as client:
        first = client.post("/predict", content=dicom(1)).json()["probability"]
        for seed, (name, content) in enumerate(bad.items()):
            began = time.monotonic()
            reply = client.post("/predict", content=content)
            said[name] = (reply.status_code, reply.json().get("reason"))
            seconds.append(time.monotonic() - began)
            assert NAME not in reply.text and "Zanzibar" not in reply.text
            assert client.post("/predict", content=(dicom, png)[seed % 2](seed)).status_code == 200
        for seed in range(20 - len(bad)):
            assert client.post("/predict", content=dicom(seed)).status_code == 200
        assert {status for status, _ in said.values()} == {422}, said
        assert {said["deflate_bomb"][1], said["endless_header"][1], said["endless_png"][1]} <= TOO_MUCH, said
        assert said["depth_10000"][1] == "unreadable_dicom" and said["nifti_bomb_told"][1] == "not_an_image_file"
        assert max(seconds) < 20
        assert client.get("/healthz").json()["status"] == "ok" and server.poll() is None
        assert client.post("/predict", content=dicom(1)).json()["probability"] == first
        assert len(readers_of(server.pid)) == 2
    log = (tmp_path / "server.log").read_bytes()
    assert not [word for word in (b"Zweistein", b"Zanzibar", b"Traceback") if word in log]


@pytest.mark.parametrize(
    ("blow", "reason"), [(signal.SIGKILL, "reader_died"), (signal.SIGSTOP, "too_slow")], ids=["killed", "hung"]
)
def test_a_reader_that_is_lost_at_work_refuses_its_client_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blow: signal.Signals, reason: str
) -> None:
    monkeypatch.setenv("RADLOOP_SERVING_READERS", "1")
    monkeypatch.setenv("RADLOOP_SERVING_READ_SECONDS", "8")
    make_bundle(tmp_path / "bundle")
    with serving(tmp_path / "home", tmp_path / "bundle") as (url, server), _client(url) as client:
        assert client.post("/predict", content=dicom(1)).status_code == 200
        (reader,) = readers_of(server.pid)
        os.kill(reader, signal.SIGSTOP)  # so that the next question is surely under way
        with ThreadPoolExecutor(1) as person:
            asked = person.submit(client.post, "/predict", content=dicom(2))
            time.sleep(1)
            os.kill(reader, blow)
            reply = asked.result()
        assert (reply.status_code, reply.json()["reason"]) == (422, reason)
        replies = [client.post("/predict", content=dicom(seed)).status_code for seed in range(5)]
        assert replies == [200] * 5
        assert client.get("/healthz").json()["use_case"] == CASE
        assert f'rejections_total{{reason="{reason}"}} 1' in client.get("/metrics").text


def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, trust_env=False, timeout=60)
