"""Addresses are read, the world is waited for, and an answer that was cut is never taken for whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)

from radloop.errors import ConfigurationError, ServiceUnavailable
from radloop.files import read_json
from radloop.sources import dicomweb
from radloop.sources.dicomweb import DicomWeb, only_part, retrieve_dicomweb
from radloop.sources.query_retrieve import Pacs, retrieve_moved
from radloop.sources.retrieval import Address, Patience, Reference, StudyFound, parse_address
from radloop.sources.spool import Spool

PARTS = b"--b\r\nContent-Type: application/dicom\r\n\r\nDICM\r\n--x\r\n--b--\r\n"
FIND, MOVE = StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelMove


def test_an_address_holds_a_query() -> None:
    web = parse_address("https://pacs/dicom-web/?StudyDate=20240101-&PatientID=A%20B")
    assert (web.base, web.port, web.keys) == (
        "https://pacs/dicom-web", 443, {"StudyDate": "20240101-", "PatientID": "A B"},
    )  # fmt: skip
    dimse = parse_address("dicom://ORTHANC@pacs.local:4242?ModalitiesInStudy=DX")
    assert (dimse.title, dimse.host, dimse.port) == ("ORTHANC", "pacs.local", 4242)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pacs:4242", "cannot be read"),
        ("ftp://pacs/", "cannot be read"),
        ("dicom://pacs:4242", "lacks the PACS's AE title"),
        ("dicom://ORTHANC@pacs", "lacks the PACS's AE title or port"),
        ("http://pacs/?PatientIdent=MRN-4711", "'PatientIdent' is no DICOM keyword"),
        ("https://clerk:MRN-4711@pacs/dicom-web", "holds a password"),
        ("dicoms://PACS:MRN-4711@pacs:4242", "holds a password"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_its_values(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as refusal:
        parse_address(text)
    assert "MRN" not in str(refusal.value)


def test_patience_tries_again_where_the_world_is_away_and_only_there() -> None:
    tries: list[int] = []

    def third_time() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise ServiceUnavailable("away")
        return "here"

    assert Patience(attempts=3, first=0.0).call(third_time) == "here" and len(tries) == 3
    with pytest.raises(ServiceUnavailable):
        Patience(attempts=2, first=0.0).call(lambda: tries.clear() or third_time())
    with pytest.raises(ZeroDivisionError):
        Patience(first=0.0).call(lambda: 1 / 0)


def test_the_one_part_of_an_answer_is_found_even_where_it_looks_like_a_boundary() -> None:
    assert only_part(PARTS, 'multipart/related; type="application/dicom"; boundary=b') == b"DICM\r\n--x"
    assert only_part(PARTS.replace(b"--b", b"--c d"), 'multipart/related; boundary="c d"') == b"DICM\r\n--x"
    assert only_part(b"DICM", "application/dicom") == b"DICM"


@pytest.mark.parametrize("length", range(0, len(PARTS) - 4, 5))
def test_an_answer_that_was_cut_anywhere_is_no_answer(length: int) -> None:
    with pytest.raises(ServiceUnavailable, match="was cut"):
        only_part(PARTS[:length], "multipart/related; boundary=b")


def answering(monkeypatch: pytest.MonkeyPatch, handler: Callable[[httpx.Request], httpx.Response]) -> DicomWeb:
    """A client whose server is a function."""
    web = DicomWeb("http://pacs/dicom-web", "Bearer t")
    client = httpx.Client(transport=httpx.MockTransport(handler), headers={"Authorization": "Bearer t"})
    monkeypatch.setattr(web, "_client", client)
    return web


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_a_search_takes_every_page_of_a_server_that_gives_fewer_than_asked(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    everything = [{"0020000D": {"vr": "UI", "Value": [f"1.{n}"]}} for n in range(5)]

    def page(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer t"
        start = int(request.url.params["offset"])
        rows = everything[start : start + limit]
        return httpx.Response(200, json=rows) if rows else httpx.Response(204)

    assert [study.uid for study in answering(monkeypatch, page).studies({})] == [f"1.{n}" for n in range(5)]
    unpaged = answering(monkeypatch, lambda request: httpx.Response(200, json=everything))
    assert [study.uid for study in unpaged.studies({})] == [f"1.{n}" for n in range(5)]


@pytest.mark.parametrize(
    ("status", "kind"), [(503, ServiceUnavailable), (429, ServiceUnavailable), (401, ConfigurationError)]
)
def test_a_refusal_and_an_outage_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, status: int, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=str(status)):
        answering(monkeypatch, lambda request: httpx.Response(status)).studies({})


def test_a_source_that_only_fails_is_given_up_before_every_instance_was_tried(
    monkeypatch: pytest.MonkeyPatch, spool: Spool
) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/dicom-web/")
        if path == "studies":
            first = request.url.params["offset"] == "0"
            return httpx.Response(200, json=[{"0020000D": {"Value": ["1.2"]}}] if first else [])
        if path.endswith("/instances"):
            uids = range(500 if request.url.params["offset"] == "0" else 0)
            rows = [{"0020000E": {"Value": ["1.2.9"]}, "00080018": {"Value": [f"1.2.{n}"]}} for n in uids]
            return httpx.Response(200, json=rows)
        asked.append(path)
        return httpx.Response(503)

    real = httpx.Client
    monkeypatch.setattr(
        dicomweb.httpx,
        "Client",
        lambda **kwargs: real(transport=httpx.MockTransport(answer), headers=kwargs["headers"]),
    )
    with pytest.raises(ServiceUnavailable, match="of 500 instances did not come: the PACS answers 503") as refusal:
        retrieve_dicomweb(DicomWeb("http://pacs/dicom-web"), {}, spool, Patience(attempts=2, first=0.0))
    assert dicomweb.GIVE_UP <= len(asked) / 2 <= dicomweb.GIVE_UP + dicomweb.AT_A_TIME
    assert "1.2" not in str(refusal.value)


@pytest.fixture
def pacs() -> Iterator[Callable[..., Pacs]]:
    """Make a PACS on loopback that answers as told, and our view of it."""
    entities: list[AE] = []

    def make(find: Any = None, move: Any = None) -> Pacs:
        entity = AE("PACS")
        entity.add_supported_context(FIND)
        if move:
            entity.add_supported_context(MOVE)
        handlers = [(evt.EVT_C_FIND, find)] * bool(find) + [(evt.EVT_C_MOVE, move)] * bool(move)
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        entities.append(entity)
        port = server.server_address[1]
        return Pacs(Address("dicom", "127.0.0.1", port, "PACS", "", {}), "RADLOOP", silence=5)

    yield make
    for entity in entities:
        entity.shutdown()


def no_destination(event: Any) -> Iterator[Any]:
    yield None, None


def match_then_abort(event: Any) -> Iterator[Any]:
    found = Dataset()
    found.StudyInstanceUID = "1.2"
    yield 0xFF00, found
    event.assoc.abort()


def test_an_unknown_destination_is_told_with_what_to_enter(pacs: Callable[..., Pacs]) -> None:
    with pytest.raises(ConfigurationError, match="does not know the AE title RADLOOP"):
        pacs(move=no_destination).move([Reference("1", "2", "3")])


def test_a_query_that_breaks_off_is_not_taken_for_a_short_answer(pacs: Callable[..., Pacs]) -> None:
    with pytest.raises(ServiceUnavailable, match="broke off in the middle of a query"):
        pacs(find=match_then_abort, move=no_destination).studies({})


@pytest.mark.parametrize(("status", "kind"), [(0xA700, ServiceUnavailable), (0xA900, ConfigurationError)])
def test_a_query_that_is_refused_tells_its_status(
    pacs: Callable[..., Pacs], status: int, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=f"{status:04X}"):
        pacs(find=lambda event: iter([(status, None)]), move=no_destination).studies({})


def test_a_pacs_without_move_is_told_as_such(pacs: Callable[..., Pacs]) -> None:
    with pytest.raises(ConfigurationError, match="offers no C-MOVE"):
        pacs(find=match_then_abort).move([Reference("1", "2", "3")])


@pytest.mark.parametrize(("told", "expected"), [("7", 7), ("1", 2), ("", 2), (None, 2)])
def test_a_study_is_complete_when_as_many_have_come_as_the_pacs_counts_or_lists(
    pacs: Callable[..., Pacs], spool: Spool, told: str | None, expected: int
) -> None:
    """It counts 7 and lists 2: more are under way. It counts fewer than it lists: its count is stale."""

    def find(event: Any) -> Iterator[Any]:
        asked = event.identifier
        for number in range(2 if asked.QueryRetrieveLevel == "IMAGE" else 1):
            match = Dataset()
            match.StudyInstanceUID, match.SeriesInstanceUID, match.SOPInstanceUID = (
                "1.2.3",
                "1.2.3.9",
                f"1.2.3.{number}",
            )
            if told is not None and "NumberOfStudyRelatedInstances" in asked:
                match.NumberOfStudyRelatedInstances = told
            yield 0xFF00, match
        yield 0x0000, None

    def nothing_left(event: Any) -> Iterator[Any]:
        yield "127.0.0.1", 1
        yield 0

    with pytest.raises(ServiceUnavailable):
        retrieve_moved(pacs(find, nothing_left), {}, spool, Patience(attempts=1))
    [note] = (spool.folder / "expected").iterdir()
    assert read_json(note) == {"instances": expected}


@pytest.mark.parametrize(("value", "count"), [(7, 7), ("7", 7), (" 7 ", 7), (None, None), ("", None), ("many", None)])
def test_a_count_is_read_as_servers_write_it(monkeypatch: pytest.MonkeyPatch, value: Any, count: int | None) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.params["includefield"] == "00201208"
        row = {"0020000D": {"Value": ["1.2"]}, "00201208": {"vr": "IS", "Value": [value]}}
        return httpx.Response(200, json=[row])

    assert answering(monkeypatch, answer).studies({}) == [StudyFound("1.2", count)]
