"""TLS towards a PACS, for DIMSE and DICOMweb alike: both sides show a certificate, and nothing older than TLS 1.2.

Source: DICOM PS3.15 annex B.12 (BCP 195), PS3.8 9.1.
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.x509 import load_pem_x509_certificate

from radloop.errors import ConfigurationError
from radloop.settings import Settings

log = logging.getLogger("radloop.tls")
READ_TIMEOUT = 60.0  # seconds of silence within a handshake or a message
#: The connection broke, which says nothing of a certificate.
_BROKEN = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _Socket(ssl.SSLSocket):
    """A socket that leaves the reason of a failed handshake with its context, since pynetdicom keeps it for itself."""

    context: Context

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except ssl.SSLError as failure:
            self.context.note(failure)
            raise

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except ssl.SSLError as failure:
            self.context.note(failure)
            raise


class Context(ssl.SSLContext):
    """A context that knows why its last handshake failed; empty where none did."""

    sslsocket_class = _Socket
    failure = ""

    def note(self, failure: ssl.SSLError) -> None:
        """Keep the reason, which is OpenSSL's word and nothing that the other side has said."""
        if not isinstance(failure, _BROKEN):
            self.failure = (failure.reason or "unknown").lower().replace("_", " ")
            log.warning("TLS failed: %s", self.failure)

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Wrap a socket. A server's handshake waits for the first read, or one silent caller would keep out all."""
        if options.get("server_side"):
            args[0].settimeout(READ_TIMEOUT)
            options["do_handshake_on_connect"] = False
        return super().wrap_socket(*args, **options)

    def require_trust(self) -> None:
        """Raise ConfigurationError where a handshake failed, for the same call will not go better later."""
        if self.failure:
            raise ConfigurationError(f"TLS with the PACS failed: {self.failure}", f"check {_FILES}, here and there")


_FILES = "RADLOOP_TLS_CERTIFICATE, RADLOOP_TLS_KEY and RADLOOP_TLS_CA"


def tls_of(settings: Settings) -> Tls:
    """The installation's certificate, and whom it trusts."""
    return Tls(settings.tls_certificate, settings.tls_key, settings.tls_ca)


@dataclass(frozen=True)
class Tls:
    """This machine's certificate with its key, and the authorities that the other side's must come from, as PEM files.

    Without `ca` those of the operating system are trusted, by a client alone.
    """

    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None

    def server(self) -> Context:
        """For a receiver: who has no certificate of `ca` is not heard.

        Raises ConfigurationError where a file is not told or cannot be read.
        """
        if not (self.certificate and self.key and self.ca):
            raise ConfigurationError("a receiver with TLS needs three files", f"set {_FILES}")
        return self._loaded(Context(ssl.PROTOCOL_TLS_SERVER))

    def client(self, named: bool = True) -> Context:
        """For a query: the host must be the one that its certificate names, if `named`; ours is shown, if there is one.

        Raises ConfigurationError where a file cannot be read.
        """
        context = Context(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = named
        return self._loaded(context)

    def expires(self) -> float:
        """When our certificate runs out, in seconds of Unix time. Raises ConfigurationError where it cannot be read."""
        if not self.certificate:
            raise ConfigurationError("there is no certificate", f"set {_FILES}")
        return load_pem_x509_certificate(self.certificate.read_bytes()).not_valid_after_utc.timestamp()

    def _loaded(self, context: Context) -> Context:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key, password="")  # or OpenSSL would ask a terminal
            if self.ca:
                context.load_verify_locations(self.ca)
            else:
                context.load_default_certs()
        except OSError as error:  # its message names no file
            raise ConfigurationError(
                f"the TLS files cannot be used: {error.strerror or error}", f"check {_FILES}"
            ) from None
        return context
