"""An association that we open: with a PACS to ask it, and with anybody to hear whether it is there.

Source: DICOM PS3.8 9.3.4 (refusals), PS3.4 annex A (C-ECHO).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.sop_class import Verification

from radloop.errors import ConfigurationError, ServiceUnavailable
from radloop.settings import Settings
from radloop.sources.retrieval import Address
from radloop.sources.tls import Context, tls_of

SUCCESS = 0x0000
FOR_GOOD = 1
CONNECT = 10.0  # seconds for the connection, TLS included
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
Roles = Sequence[SCP_SCU_RoleSelectionNegotiation]


@contextmanager
def associated(entity: AE, address: Address, tls: Context | None = None, roles: Roles = ()) -> Iterator[Association]:
    """An association, released in the end.

    Raises ConfigurationError where the other side refuses it for good or TLS fails, ServiceUnavailable where it does
    not answer, is busy or ends it before its time.
    """
    entity.connection_timeout = CONNECT
    association = entity.associate(
        address.host,
        address.port,
        ae_title=address.title,
        ext_neg=list(roles),
        tls_args=(tls, address.host) if tls else None,
    )
    if association.is_rejected and association.acceptor.primitive.result == FOR_GOOD:
        raise ConfigurationError(
            f"the PACS refuses an association of {entity.ae_title} with {address.title}",
            "check both AE titles, here and at the PACS",
        )
    if not association.is_established:
        if tls:
            tls.require_trust()
        raise ServiceUnavailable(
            f"{address.title} at {address.host}:{address.port} does not answer.",
            "check its address and that it runs, and try again later",
        )
    try:
        yield association
    except RuntimeError:  # the association ended before the request was sent
        raise ServiceUnavailable("the PACS ended the association.", "try again later") from None
    finally:
        association.release()


def echo(address: Address, title: str, tls: Context | None = None) -> None:
    """Ask C-ECHO of whoever listens at an address. Raises as `associated` does."""
    entity = AE(title)
    entity.add_requested_context(Verification)
    with associated(entity, address, tls) as association:
        status = association.send_c_echo()
    if not status or status.Status != SUCCESS:
        raise ServiceUnavailable("C-ECHO was not answered with success.", "ask who runs it")


def echo_own(settings: Settings) -> Address:
    """Ask C-ECHO of this installation's receiver; where it listens. Raises as `associated` does.

    It is asked by its number, which no certificate names; its certificate must be good all the same.
    """
    host = EVERYWHERE.get(settings.dicom_host, settings.dicom_host)
    address = Address("dicom", host, settings.dicom_port, settings.dicom_ae_title, "", {})
    echo(address, settings.dicom_ae_title, tls_of(settings).client(named=False) if settings.dicom_tls else None)
    return address
