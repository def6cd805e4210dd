"""Back from a pseudonym to an identity: a deed of its own, written in the ledger before anything is told.

radloop keeps no list of identities. Whoever must know who a patient is brings the hospital's own list of
identifiers; under the key, the one with this pseudonym is found. Neither key nor list leads anywhere alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from radloop.dicom.pseudonyms import Pseudonyms, open_pseudonyms
from radloop.errors import ConfigurationError
from radloop.ledger import Ledger
from radloop.settings import Settings


def reidentify(settings: Settings, pseudonym: str, among: Path, who: str, why: str) -> str | None:
    """The identifier among the lines of a file that has this pseudonym, or None where none has.

    Who asked for which pseudonym and why stands in the ledger before the answer is sought, and whether it was found
    after. Raises ConfigurationError for an unknown kind of pseudonym, a nameless or groundless request and an
    unreadable file, GateClosed where the ledger was tampered with.
    """
    if not who.strip() or not why.strip():
        raise ConfigurationError("a re-identification needs to say who asks and why", "give --who and --why")
    pseudonyms = open_pseudonyms(settings)
    named = _namer(pseudonyms, pseudonym)
    asked = {"pseudonym": pseudonym, "who": who.strip(), "why": why.strip()}
    with Ledger(settings.ledger).intent("reidentification", asked) as result:
        found = next((line for line in _lines(among) if named(line) == pseudonym), None)
        result["found"] = found is not None
    return found


def _namer(pseudonyms: Pseudonyms, pseudonym: str) -> Callable[[str], str]:
    for prefix, namer in (("p-", pseudonyms.patient), ("site-", pseudonyms.site), ("2.25.", pseudonyms.uid)):
        if pseudonym.startswith(prefix):
            return namer
    raise ConfigurationError(
        f"{pseudonym[:12]!r} is no pseudonym: they begin with p-, site- or 2.25.", "copy it from the catalog or the log"
    )


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path.name} cannot be read ({type(error).__name__})", "give a text file with one identifier in a line"
        ) from None
    return [line.strip() for line in lines if line.strip()]
