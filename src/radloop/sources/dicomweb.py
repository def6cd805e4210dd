"""Retrieve studies by DICOMweb: search by QIDO-RS, fetch by WADO-RS, land every instance in the spool.

A client that hands out parsed data sets would have to write them anew; here the PACS's bytes stay as they are.
Source: DICOM PS3.18, 10.6 (search), 10.4 (retrieve).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from types import TracebackType
from typing import Any

import httpx

from radloop.errors import ConfigurationError, RadloopError, ServiceUnavailable
from radloop.sources.retrieval import Patience, Reference, Retrieved, StudyFound, told_count
from radloop.sources.spool import Spool
from radloop.sources.tls import Context
from radloop.sources.wire import Instance, from_file

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # each address holds a study's UID, or a patient's id

PAGE = 100  # answers of one search; a server may give fewer
AT_A_TIME = 4
GIVE_UP = 8  # instances that do not come, each after all its tries: then nothing will
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
STUDY, SERIES, INSTANCE, COUNT = "0020000D", "0020000E", "00080018", "00201208"
BUSY = (408, 425, 429)


class DicomWeb:
    """A DICOMweb server; `authorization` is sent as the header of that name, to this server and no other."""

    def __init__(self, base: str, authorization: str | None = None, tls: Context | None = None) -> None:
        headers = {"Authorization": authorization} if authorization else {}
        self._client = httpx.Client(headers=headers, timeout=TIMEOUT, follow_redirects=True, verify=tls or True)
        self._base, self._tls = base, tls

    def __enter__(self) -> DicomWeb:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def studies(self, keys: dict[str, str]) -> list[StudyFound]:
        """What matches, with its count of instances. Raises as `_get` does."""
        rows = self._search("studies", {**keys, "includefield": COUNT})
        return [StudyFound(_uid(row, STUDY), told_count(_value(row, COUNT))) for row in rows]

    def instances(self, study: str) -> list[Reference]:
        """Every instance of a study. Raises as `_get` does."""
        rows = self._search(f"studies/{study}/instances", {})
        return [Reference(study, _uid(row, SERIES), _uid(row, INSTANCE)) for row in rows]

    def fetch(self, reference: Reference) -> Instance:
        """One instance as the server stores it.

        Raises ServiceUnavailable where the server is away or the answer was cut, StudyRejected where it is no DICOM.
        """
        path = f"studies/{reference.study}/series/{reference.series}/instances/{reference.uid}"
        answer = self._get(path, {}, AS_STORED)
        return from_file(only_part(answer.content, answer.headers.get("content-type", "")))

    def _search(self, path: str, keys: dict[str, str]) -> Iterator[dict[str, Any]]:
        """All answers, page by page; a server that does not page gives the same ones again."""
        seen: set[str] = set()
        while True:
            page = self._get(path, {**keys, "limit": str(PAGE), "offset": str(len(seen))}, "application/dicom+json")
            rows = [] if page.status_code == httpx.codes.NO_CONTENT else page.json()
            fresh = {name: row for row in rows if (name := str(row.get(INSTANCE) or row.get(STUDY))) not in seen}
            yield from fresh.values()
            seen.update(fresh)
            if not fresh:
                return

    def _get(self, path: str, query: dict[str, str], accept: str) -> httpx.Response:
        """Ask the server.

        Raises ServiceUnavailable where it does not answer, or says that it is busy or broken; ConfigurationError
        where it refuses or TLS does.
        """
        try:
            answer = self._client.get(f"{self._base}/{path}", params=query, headers={"Accept": accept})
        except httpx.TransportError as error:  # its message may quote the address
            if self._tls:
                self._tls.require_trust()
            raise ServiceUnavailable(f"the PACS does not answer ({type(error).__name__}).", "try again later") from None
        status = answer.status_code
        if status >= 500 or status in BUSY:
            raise ServiceUnavailable(f"the PACS answers {status}.", "try again later")
        if status >= 400:
            raise ConfigurationError(
                f"the PACS refuses the request ({status})", "check the address, the query and RADLOOP_DICOMWEB_*"
            )
        return answer


def retrieve_dicomweb(web: DicomWeb, keys: dict[str, str], spool: Spool, patience: Patience | None = None) -> Retrieved:
    """Land every instance of every study that matches; what has landed before is not fetched again.

    An instance that never comes whole does not keep the others from coming, unless so many fail that the source
    must be gone. Raises ServiceUnavailable in the end where some did not come: the same call goes on from there.
    """
    patient = patience or Patience()
    done, failures = Retrieved(), list[RadloopError]()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for study in patient.call(lambda: web.studies(keys)):
            references = patient.call(lambda study=study: web.instances(study.uid))  # type: ignore[misc]
            spool.expect(study.uid, max(len(references), study.instances or 0))
            missing = [one for one in references if not spool.has(one.uid)]
            list(pool.map(lambda one: _land(web, spool, one, patient, failures), missing))
            done += Retrieved(1, len(references), len(references) - len(missing))
            if len(failures) >= GIVE_UP:
                break
    if failures:
        raise ServiceUnavailable(
            f"{len(failures)} or more of {done.instances} instances did not come: {failures[0].message}",
            "mend that and run it again: it goes on from there",
        )
    return done


def _land(web: DicomWeb, spool: Spool, one: Reference, patience: Patience, failures: list[RadloopError]) -> None:
    if len(failures) >= GIVE_UP:
        return
    try:
        spool.land(patience.call(lambda: web.fetch(one)))
    except RadloopError as failure:
        failures.append(failure)


def only_part(content: bytes, content_type: str) -> bytes:
    """The one part of a multipart/related answer, or the whole where it is not in parts (RFC 2046, 5.1).

    Raises ServiceUnavailable where the closing boundary is missing: then the answer was cut.
    """
    head = Message()
    head["Content-Type"] = content_type
    boundary = head.get_boundary()
    if boundary is None:
        return content
    mark = b"--" + boundary.encode()
    start, end = content.find(b"\r\n\r\n", content.find(mark)), content.rfind(b"\r\n" + mark + b"--")
    if start < 0 or end < start + 4:
        raise ServiceUnavailable("an answer of the PACS was cut.", "try again later")
    return content[start + 4 : end]


def _uid(row: dict[str, Any], tag: str) -> str:
    """One UID of an answer in the DICOM JSON model (PS3.18 F.2). Raises ServiceUnavailable where it is absent."""
    value = _value(row, tag)
    if value is None:
        raise ServiceUnavailable(f"the PACS's answer lacks ({tag[:4]},{tag[4:]}).", "ask who runs it")
    return str(value)


def _value(row: dict[str, Any], tag: str) -> object:
    """The first value of an attribute, None where it has none."""
    try:
        return row[tag]["Value"][0]
    except (KeyError, IndexError, TypeError):
        return None
