"""Ed25519 keys of an installation: made once, the private one readable by its owner alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from radloop.errors import ConfigurationError
from radloop.files import sha256, sync_folder, write_bytes

PRIVATE = "ledger.key"
PUBLIC = "ledger.pub"


@dataclass(frozen=True)
class Public:
    """The half that anybody may have: it can only check."""

    key: Ed25519PublicKey

    def holds(self, message: str, signature: str) -> bool:
        """True when `signature` (hex) was made over `message` with the private half."""
        try:
            self.key.verify(bytes.fromhex(signature), message.encode())
        except (InvalidSignature, ValueError):
            return False
        return True

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the raw public key, short enough to be read out."""
        return sha256(self.key.public_bytes(Encoding.Raw, PublicFormat.Raw))[:32]


@dataclass(frozen=True)
class Key:
    """The private half."""

    key: Ed25519PrivateKey

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """True where a key has been made."""
        return (folder / PRIVATE).exists()

    @classmethod
    def open(cls, folder: Path) -> Key:
        """Read the key of `folder`.

        Raises ConfigurationError where it is missing or cannot be read.
        """
        try:
            key = load_pem_private_key((folder / PRIVATE).read_bytes(), password=None)
        except (ValueError, OSError) as error:
            raise ConfigurationError(
                f"the key file {PRIVATE} is missing or unreadable", "restore it from its backup"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigurationError(f"the key file {PRIVATE} holds no Ed25519 key", "restore it from its backup")
        return cls(key)

    @classmethod
    def create(cls, folder: Path) -> Key:
        """Make a key pair in `folder`."""
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        write_bytes(folder / PUBLIC, public)
        # never readable by others, not even for the moment between writing and chmod
        temporary = folder / f".{PRIVATE}.{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(folder / PRIVATE)
        sync_folder(folder)
        return cls(key)

    @property
    def public(self) -> Public:
        """The half to check with."""
        return Public(self.key.public_key())

    def sign(self, message: str) -> str:
        """Hex signature of a message."""
        return self.key.sign(message.encode()).hex()


def public_key(folder: Path) -> Public | None:
    """The public key of `folder`, or None where there is none or it is no such key."""
    path = folder / PUBLIC
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError):
        return None
    return Public(key) if isinstance(key, Ed25519PublicKey) else None
