"""Who may send to our receiver, as one line of settings tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from radloop.errors import ConfigurationError

_CALLER = re.compile(r"(?P<title>[^@\\]{1,16}?)(@(?P<host>[^@:\s]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5}))?")


@dataclass(frozen=True)
class Caller:
    """An AE title, and where it listens itself (port 0: nobody told)."""

    title: str
    host: str = ""
    port: int = 0


def parse_callers(text: str) -> dict[str, Caller]:
    """Callers by title of a line like `CT1, PACS@10.0.0.5:104`. Raises ConfigurationError for another form."""
    callers = {}
    for word in filter(None, map(str.strip, text.split(","))):
        found = _CALLER.fullmatch(word)
        if found is None:
            raise ConfigurationError(
                f"{word!r} in RADLOOP_DICOM_CALLERS is no AE title",
                "write TITLE or TITLE@host:port, 16 letters at most",
            )
        title = found["title"].strip()
        callers[title] = Caller(title, (found["host"] or "").strip("[]"), int(found["port"] or 0))
    return callers
