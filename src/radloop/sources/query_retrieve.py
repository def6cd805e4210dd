"""Retrieve studies by C-FIND and C-MOVE: the PACS sends what is missing to our own receiver.

Source: DICOM PS3.4 annex C, Study Root; statuses: PS3.4 C.4.1.1.4 and C.4.2.1.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter

from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)

from radloop.errors import ConfigurationError, ServiceUnavailable
from radloop.sources.association import SUCCESS, associated
from radloop.sources.retrieval import Address, Patience, Reference, Retrieved, StudyFound, told_count
from radloop.sources.spool import Spool
from radloop.sources.tls import Context

FIND, MOVE = StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelMove
PENDING, UNKNOWN_DESTINATION = (0xFF00, 0xFF01), 0xA801
SILENCE = 300.0  # seconds without a word of the PACS; a move need not tell how far it is
COUNT = "NumberOfStudyRelatedInstances"
LONGEST_LIST = 100  # instances that one move names


class Pacs:
    """A PACS that answers C-FIND and C-MOVE; `title` is our own AE title, which it must know as a destination."""

    def __init__(self, address: Address, title: str, tls: Context | None = None, silence: float = SILENCE) -> None:
        self._address, self._title, self._tls = address, title, tls
        self._entity = AE(title)
        self._entity.dimse_timeout = self._entity.network_timeout = silence
        self._entity.add_requested_context(FIND)
        self._entity.add_requested_context(MOVE)

    def studies(self, keys: dict[str, str]) -> list[StudyFound]:
        """What matches, with its count of instances. Raises as `_find` does."""
        rows = self._find("STUDY", **{"StudyInstanceUID": "", **keys, COUNT: ""})
        return [StudyFound(_uid(row, "StudyInstanceUID"), told_count(row.get(COUNT))) for row in rows]

    def instances(self, study: str) -> list[Reference]:
        """Every instance of a study, series by series. Raises as `_find` does."""
        references = []
        for row in self._find("SERIES", StudyInstanceUID=study, SeriesInstanceUID=""):
            series = _uid(row, "SeriesInstanceUID")
            found = self._find("IMAGE", StudyInstanceUID=study, SeriesInstanceUID=series, SOPInstanceUID="")
            references += [Reference(study, series, _uid(image, "SOPInstanceUID")) for image in found]
        return references

    def move(self, references: list[Reference]) -> None:
        """Have instances of one series sent to our receiver.

        Raises ServiceUnavailable where one did not arrive, ConfigurationError where the PACS does not know us.
        """
        first = references[0]
        names = [reference.uid for reference in references]
        wanted = _query("IMAGE", StudyInstanceUID=first.study, SeriesInstanceUID=first.series, SOPInstanceUID=names)
        with self._associated(MOVE) as association:
            final = [status for status, _ in association.send_c_move(wanted, self._title, MOVE)][-1]
        if not final:
            raise ServiceUnavailable("the PACS broke off in the middle of a move.", "try again later")
        known = f"see that the PACS knows {self._title} at this host and RADLOOP_DICOM_PORT as a destination"
        if final.Status == UNKNOWN_DESTINATION:
            raise ConfigurationError(f"the PACS does not know the AE title {self._title}", known)
        if final.Status != SUCCESS:
            raise ServiceUnavailable(f"the PACS ended a move with status {final.Status:04X}.", known)

    def _find(self, level: str, **keys: str) -> list[Dataset]:
        """All matches. Raises ServiceUnavailable where the PACS breaks off, ConfigurationError where it refuses."""
        with self._associated(FIND) as association:
            answers = list(association.send_c_find(_query(level, **keys), FIND))
        final = answers[-1][0]
        if not final:
            raise ServiceUnavailable(
                "the PACS broke off in the middle of a query.", f"try again later, or have it let {self._title} ask"
            )
        if final.Status != SUCCESS:
            out_of_resources = final.Status >> 8 == 0xA7
            kind = ServiceUnavailable if out_of_resources else ConfigurationError
            raise kind(f"the PACS refuses the query with status {final.Status:04X}", "check the query's keywords")
        return [match for status, match in answers if status.Status in PENDING and match is not None]

    @contextmanager
    def _associated(self, model: str) -> Iterator[Association]:
        with associated(self._entity, self._address, self._tls) as association:
            if model not in {context.abstract_syntax for context in association.accepted_contexts}:
                name = "C-FIND" if model == FIND else "C-MOVE"
                raise ConfigurationError(f"the PACS offers no {name} (Study Root)", "retrieve by DICOMweb")
            yield association


def retrieve_moved(pacs: Pacs, keys: dict[str, str], spool: Spool, patience: Patience | None = None) -> Retrieved:
    """Have every missing instance of every study that matches sent to our receiver, which must be listening.

    Raises ServiceUnavailable where some did not come: the same call goes on from there.
    """
    patient, done = patience or Patience(), Retrieved()
    for study in patient.call(lambda: pacs.studies(keys)):
        references = patient.call(lambda study=study: pacs.instances(study.uid))  # type: ignore[misc]
        spool.expect(study.uid, max(len(references), study.instances or 0))
        already = sum(spool.has(one.uid) for one in references)
        patient.call(lambda references=references: _move_missing(pacs, spool, references))  # type: ignore[misc]
        done += Retrieved(1, len(references), already)
    return done


def _move_missing(pacs: Pacs, spool: Spool, references: list[Reference]) -> None:
    """Ask for what has not landed; each try asks for less."""
    missing = sorted((one for one in references if not spool.has(one.uid)), key=attrgetter("series"))
    for _, series in groupby(missing, key=attrgetter("series")):
        wanted = list(series)
        for start in range(0, len(wanted), LONGEST_LIST):
            pacs.move(wanted[start : start + LONGEST_LIST])
    left = sum(not spool.has(one.uid) for one in missing)
    if left:
        raise ServiceUnavailable(
            f"{left} of {len(references)} instances did not arrive.",
            "see that the PACS sends to this host and RADLOOP_DICOM_PORT, then run it again: it goes on from there",
        )


def _query(level: str, **keys: str | list[str]) -> Dataset:
    wanted = Dataset()
    wanted.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(wanted, keyword, value)
    return wanted


def _uid(row: Dataset, keyword: str) -> str:
    """One UID of an answer. Raises ServiceUnavailable where it is absent."""
    if not row.get(keyword):
        raise ServiceUnavailable(f"the PACS's answer lacks {keyword}.", "ask who runs it")
    return str(row[keyword].value)
