"""UIDs made from content, so that equal input makes equal objects on any machine."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable


def content_uid(kind: str, content: Iterable[bytes]) -> str:
    """A UUID below 2.25 (PS3.5 B.2) from a kind of object and its content, length by length."""
    digest = hashlib.sha256(kind.encode())
    for part in content:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return f"2.25.{uuid.UUID(bytes=digest.digest()[:16], version=4).int}"
