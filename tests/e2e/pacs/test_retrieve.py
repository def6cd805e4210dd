"""Everything that a PACS has comes, once and unchanged, whatever happens on the way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from radloop.dicom.pseudonyms import Pseudonyms
from radloop.errors import ConfigurationError, ServiceUnavailable
from radloop.files import sha256_file
from radloop.gateway import count_arriving, describe_spool, open_spool, retrieve
from radloop.settings import Settings
from radloop.sources import dicomweb, open_source
from radloop.sources.retrieval import Patience, Retrieved
from radloop.sources.spool import CONFLICT
from radloop.sources.studies import Completeness, studies
from radloop.sources.wire import from_file

pytestmark = pytest.mark.server
QUICK = Patience(attempts=5, first=0.05)
Ways = Callable[..., Settings]


def landed(settings: Settings) -> set[str]:
    files = list((settings.spool / "studies").rglob("*.dcm"))
    assert [path for path in files if sha256_file(path) != path.stem] == []
    return {path.stem for path in files}


@pytest.fixture
def expected(slice_file: Callable[..., bytes]) -> dict[int, set[str]]:
    """The files that Orthanc was given, by study."""
    return {s: {from_file(slice_file(s, n, 512)).sha256 for n in range(5)} for s in (1, 2, 3)}


def test_dicomweb_brings_what_matches_with_the_bytes_as_they_are_and_only_once(
    orthanc: Any, settings: Ways, expected: dict[int, set[str]], caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(dicomweb, "PAGE", 2)
    own = settings()
    assert retrieve(own, f"{orthanc.web}?StudyDate=20240101-20240102") == Retrieved(2, 10, 0)
    assert landed(own) == expected[1] | expected[2]
    assert retrieve(own, orthanc.web) == Retrieved(3, 15, 10)
    assert landed(own) == set.union(*expected.values())
    assert {study.completeness for study in studies(own.spool, 1e9)} == {Completeness.COUNTED}
    key = Pseudonyms(own.key())
    assert len(list(open_source("spool", own.spool, key))) == 15
    assert [word for word in ("1.2.3", "MRN", "Zanzibar") if word in caplog.text] == []


def test_dicomweb_by_tls_brings_the_same_and_a_stranger_nothing(
    orthanc: Any,
    settings: Ways,
    front: Callable[..., Any],
    expected: dict[int, set[str]],
    authority: Any,
    stranger: Any,
) -> None:
    own, proxy = authority.machine("own"), front(orthanc.http, authority.machine("proxy").server())
    address = f"https://127.0.0.1:{proxy.port}/dicom-web?StudyDate=20240101"
    for tls in (stranger.machine("other"), own):
        trusting = settings(tls_certificate=tls.certificate, tls_key=tls.key, tls_ca=own.ca)
        if tls is own:
            assert retrieve(trusting, address, patience=QUICK) == Retrieved(1, 5, 0)
            assert landed(trusting) == expected[1]
        else:
            with pytest.raises(ConfigurationError, match="TLS with the PACS failed"):
                retrieve(trusting, address, patience=QUICK)
            assert landed(trusting) == set()


def test_dicomweb_goes_on_after_answers_that_were_cut_in_mid_object(
    orthanc: Any, settings: Ways, wire: Callable[..., Any], expected: dict[int, set[str]]
) -> None:
    cut, own = wire(orthanc.http, cuts=6), settings()
    address = f"http://127.0.0.1:{cut.port}/dicom-web"
    assert retrieve(own, address, patience=QUICK) == Retrieved(3, 15, 0)
    assert landed(own) == set.union(*expected.values()) and cut.cuts <= 0 and cut.seen > 6


def test_a_dicomweb_server_that_falls_silent_is_asked_again(
    orthanc: Any, settings: Ways, wire: Callable[..., Any], expected: dict[int, set[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(dicomweb, "TIMEOUT", httpx.Timeout(3.0))
    slow, own = wire(orthanc.http, stalls=2), settings()
    assert retrieve(own, f"http://127.0.0.1:{slow.port}/dicom-web", patience=QUICK) == Retrieved(3, 15, 0)
    assert landed(own) == set.union(*expected.values()) and slow.stalls == 0


def test_a_dicomweb_server_that_goes_away_is_told_and_a_later_run_resumes(
    orthanc: Any, settings: Ways, wire: Callable[..., Any], expected: dict[int, set[str]]
) -> None:
    cut, own = wire(orthanc.http, budget=4_000_000), settings()
    address = f"http://127.0.0.1:{cut.port}/dicom-web"
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        retrieve(own, address, patience=Patience(attempts=2, first=0.01))
    first = landed(own)
    assert 0 < len(first) < 15
    cut.budget = 1 << 60
    assert retrieve(own, address, patience=QUICK).already == len(first)
    assert landed(own) == set.union(*expected.values())


@pytest.mark.parametrize("way", ["web", "dimse"])
def test_a_study_that_was_sent_to_us_ends_when_as_many_have_come_as_the_pacs_counts(
    orthanc: Any, settings: Ways, slice_file: Callable[..., bytes], way: str
) -> None:
    own = settings(dicom_pacs=getattr(orthanc, way))
    assert count_arriving(settings()) == count_arriving(own) == 0
    with open_spool(own) as spool:
        for study, numbers in ((1, range(4)), (9, range(1))):  # nobody but the sender knows the last one
            for number in numbers:
                spool.land(from_file(slice_file(study, number, 512)))
        assert count_arriving(own) == 1
        told = {study.expected: study.completeness for study in studies(own.spool, 1e9)}
        assert told == {5: Completeness.ARRIVING, None: Completeness.ARRIVING}
        assert "       1 instances that a source has told of and that are not here" in describe_spool(own)
        spool.land(from_file(slice_file(1, 4, 512)))
        assert {s.expected: s.completeness for s in studies(own.spool, 1e9)}[5] is Completeness.COUNTED


def test_a_pacs_that_is_away_leaves_studies_to_end_by_time(
    settings: Ways, slice_file: Callable[..., bytes], wire: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    nobody = wire(1)
    nobody.close()
    own = settings(dicom_pacs=f"dicom://ORTHANC@127.0.0.1:{nobody.port}")
    with open_spool(own) as spool:
        spool.land(from_file(slice_file(1, 0)))
    assert count_arriving(own) == 0 and "no more counts of studies" in caplog.text and "1.2.3" not in caplog.text


@pytest.mark.parametrize("scheme", ["http://127.0.0.1:{}/dicom-web", "dicom://ORTHANC@127.0.0.1:{}"])
def test_a_pacs_that_is_down_is_told_as_such(settings: Ways, wire: Callable[..., Any], scheme: str) -> None:
    nobody = wire(1)
    nobody.close()
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        retrieve(settings(dicom_port=0), scheme.format(nobody.port), patience=Patience(attempts=2, first=0.01))


def test_query_and_move_bring_what_matches_to_our_own_receiver(
    orthanc: Any, settings: Ways, expected: dict[int, set[str]]
) -> None:
    own = settings(dicom_port=orthanc.receiver)
    assert retrieve(own, f"{orthanc.dimse}?StudyDate=20240102&ModalitiesInStudy=CT") == Retrieved(1, 5, 0)
    assert landed(own) == expected[2]
    assert retrieve(own, orthanc.dimse) == Retrieved(3, 15, 5)
    assert landed(own) == set.union(*expected.values())
    assert not (own.spool / "quarantine" / CONFLICT).exists()


def test_a_receiver_that_runs_already_is_used(
    orthanc: Any, settings: Ways, listening: Any, expected: dict[int, set[str]], tmp_path: Path
) -> None:
    listening.port, listening.home = orthanc.receiver, tmp_path / "own"
    listening.start()
    own = settings(dicom_port=orthanc.receiver)
    assert retrieve(own, orthanc.dimse) == Retrieved(3, 15, 0)
    assert landed(own) == set.union(*expected.values())
    assert listening.stop() == 0 and "15 instances (15 stored" in listening.said


def test_moves_that_are_cut_in_mid_object_are_asked_for_again(
    orthanc: Any, settings: Ways, wire: Callable[..., Any], expected: dict[int, set[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Orthanc sends through a relay that breaks off in the second slice, three times."""
    from radloop.sources.c_store import Receiver

    real, relays = Receiver.start, []

    def behind_a_relay(receiver: Receiver, host: str, port: int) -> int:
        relays.append(wire(real(receiver, host, 0), cuts=3, after=700_000, port=port))
        return port

    monkeypatch.setattr(Receiver, "start", behind_a_relay)
    own = settings(dicom_port=orthanc.receiver)
    found = retrieve(own, orthanc.dimse, patience=QUICK)
    assert found == Retrieved(3, 15, 0) and landed(own) == set.union(*expected.values())
    assert relays[0].seen > 3


def test_a_pacs_that_does_not_know_us_is_told_with_what_to_enter_there(orthanc: Any, settings: Ways) -> None:
    own = settings(dicom_port=orthanc.receiver, dicom_ae_title="STRANGER")
    with pytest.raises(ServiceUnavailable, match="status C000") as refusal:
        retrieve(own, orthanc.dimse, patience=Patience(attempts=1))
    assert "knows STRANGER at this host and RADLOOP_DICOM_PORT" in refusal.value.next_step


def test_the_same_instance_by_both_ways_is_one(orthanc: Any, settings: Ways) -> None:
    own = settings(dicom_port=orthanc.receiver)
    retrieve(own, orthanc.web)
    before = landed(own)
    (own.spool / "instances").rename(own.spool / "hidden")  # so that the move asks for all of them again
    for path in (own.spool / "studies").rglob("*.dcm"):
        path.unlink()
    retrieve(own, orthanc.dimse)
    assert landed(own) == before
