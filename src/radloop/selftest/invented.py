"""Invented identities whose every word is unmistakable: found anywhere, it can only have come from here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np

_SYLLABLES = [
    "zor",
    "vex",
    "qui",
    "jaz",
    "wub",
    "kyl",
    "pfo",
    "xan",
    "dry",
    "gox",
    "zil",
    "vum",
    "qar",
    "jyx",
    "wez",
    "kru",
    "pty",
    "xob",
    "dwa",
    "gyz",
]
#: Scripts by DICOM's character set (PS3.3 C.12.1.1.2), with Python's name of the encoding.
SCRIPTS = {
    ("ISO_IR 100",): ("latin-1", "äöüéèçñøßå"),
    ("ISO_IR 192",): ("utf-8", "λμξπσωψδφθ"),
    ("ISO_IR 144",): ("iso8859_5", "жщюяэфцчшы"),
    ("", "ISO 2022 IR 87"): ("iso2022_jp", "山川田村森林橋藤原鈴"),
    ("", "ISO 2022 IR 149"): ("euc_kr", "김박최정강조윤장임한"),
    ("GB18030",): ("gb18030", "赵钱孙李周吴郑王冯陈"),
}
#: Visits fall into single weeks so far apart that no date moved by 1 to 52 weeks can fall into one of them.
FIRST_WEEK, WEEKS_BETWEEN = date(2019, 11, 4), 60


@dataclass(frozen=True)
class Identity:
    """One person who does not exist, with staff and hospital; `charset` is the SpecificCharacterSet of the files."""

    seed: int
    patient: int

    @cached_property
    def _random(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.patient, 77])

    @cached_property
    def words(self) -> dict[str, str]:
        """Unmistakable words by what they name; each is 15 letters."""
        kinds = ("family", "given", "relative", "street", "physician", "operator", "hospital", "engineer")
        return {kind: "".join(self._random.choice(_SYLLABLES, 5)).capitalize() for kind in kinds}

    @property
    def charset(self) -> tuple[str, ...]:
        """The character set of this patient's files."""
        return list(SCRIPTS)[self.patient % len(SCRIPTS)]

    @cached_property
    def native(self) -> str:
        """Eight letters of the patient's own script."""
        letters = SCRIPTS[self.charset][1]
        picks = np.random.default_rng([self.seed, self.patient, 78]).integers(0, len(letters), 8)
        return "".join(letters[pick] for pick in picks)

    @property
    def number(self) -> str:
        """The PatientID."""
        return f"MRN{self.seed % 1000:03d}Q{self.patient:06d}"

    @property
    def accession(self) -> str:
        """The AccessionNumber."""
        return f"ACC{self.seed % 1000:03d}Z{self.patient:06d}"

    @property
    def telephone(self) -> str:
        """A number that no numbering plan gives out."""
        return f"+999-{self.seed % 1000:03d}-{self.patient:06d}"

    @property
    def email(self) -> str:
        """An address below a name that is reserved for examples."""
        return f"{self.words['given'].lower()}@{self.words['family'].lower()}.example"

    @property
    def born(self) -> date:
        """Some are older than 89."""
        return date(1922, 1, 3) + timedelta(days=self.patient * 7919 % 30000)

    def day(self, visit: int) -> date:
        """The true day of a visit."""
        return FIRST_WEEK + timedelta(weeks=WEEKS_BETWEEN * visit, days=self.patient % 7)

    def uid(self, *parts: int) -> str:
        """An original UID, different for different parts."""
        return ".".join(map(str, ("1.2.826.0.1.3680043.10.77777", self.seed, self.patient, *parts)))

    @property
    def name(self) -> str:
        """A person's name in the form of PN."""
        return f"{self.words['family']}^{self.words['given']}"

    def tokens(self) -> list[str]:
        """What must be found nowhere."""
        numbers = (self.number, self.accession, self.telephone, self.email, f"{self.born:%Y%m%d}")
        return [*self.words.values(), self.native, *numbers]


def true_days() -> list[str]:
    """Days of all visits, as they may be spelt anywhere."""
    days = [FIRST_WEEK + timedelta(weeks=WEEKS_BETWEEN * v, days=d) for v in (0, 1) for d in range(7)]
    return [day.strftime(form) for day in days for form in ("%Y%m%d", "%Y-%m-%d", "%d.%m.%Y")]
