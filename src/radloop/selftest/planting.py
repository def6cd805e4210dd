"""Put values into a data set and write down at once what must become of them."""

from __future__ import annotations

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from radloop.sections.intake import Deidentify
from radloop.selftest.duties import duty, table
from radloop.selftest.invented import Identity
from radloop.selftest.key import Action

_SPEECH = ("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")
_SHORT = ("AE", "CS", "SH")


class Planter:
    """Plants into one data set or item; what it writes down goes into `actions`, which all levels share."""

    def __init__(self, data: Dataset, who: Identity, file: str, knobs: Deidentify, actions: list[Action]) -> None:
        self.data, self.who, self.file, self.knobs, self.actions = data, who, file, knobs, actions
        self.above, self.stays = "", True

    def put(self, tag: int, vr: str, value: object) -> None:
        """A value as it is, unchecked: hospitals write what they like."""
        self.data[tag] = DataElement(tag, vr, value, validation_mode=config.IGNORE)

    def ask(self, tag: int, category: str, planted: str, expected: str = "", beyond: bool = False) -> None:
        """Write down one required action."""
        path = f"{self.above}{tag:08x}"
        self.actions.append(Action(self.who.patient, self.file, path, category, planted, expected, beyond))

    def item(self, keyword: str, stays: bool) -> Planter:
        """A new item of a sequence; `stays` says whether the table lets the sequence stay."""
        tag = _tag(keyword)
        items = self.data.get(tag)
        if items is None:
            self.put(tag, "SQ", Sequence())
        sequence = self.data[tag].value
        sequence.append(Dataset())
        inner = Planter(sequence[-1], self.who, self.file, self.knobs, self.actions)
        inner.above, inner.stays = f"{self.above}{tag:08x}.{len(sequence) - 1}/", self.stays and stays
        return inner

    def plain(self, **values: object) -> None:
        """What must be in a valid object and is not judged."""
        for keyword, value in values.items():
            self.put(_tag(keyword), dictionary_VR(_tag(keyword)).split(" ")[0], value)

    def kept(self, **values: str) -> None:
        """What must be there afterwards as it was."""
        for keyword, value in values.items():
            self.put(_tag(keyword), dictionary_VR(_tag(keyword)), value.split("\\") if "\\" in value else value)
            if self.stays:
                self.ask(_tag(keyword), "text_retained", value, value)

    def secret(self, tag: int, vr: str, text: str, tokens: tuple[str, ...], words: tuple[str, ...] = ()) -> None:
        """Text with `tokens` that must go and `words` of radiology that must stay where the table says clean."""
        self.put(tag, vr, text)
        for token in tokens:
            self.ask(tag, "text_removed", token)
        if self.stays and duty(tag, self.knobs) == "clean" and self.knobs.clean_descriptors:
            for word in words:
                self.ask(tag, "text_retained", word, word)

    def secrets(self, **values: str) -> None:
        """Values that must go as a whole."""
        for keyword, value in values.items():
            self.secret(_tag(keyword), dictionary_VR(_tag(keyword)), value, (value,))

    def uid(self, keyword: str, value: str) -> None:
        """A UID that must get another name, the same wherever it stands."""
        self.put(_tag(keyword), "UI", value)
        self.judge_uid(_tag(keyword), value)

    def judge_uid(self, tag: int, value: str) -> None:
        """Changed and consistent, or kept where the profile retains UIDs."""
        if self.knobs.retain_uids:
            self.ask(tag, "text_retained", value, value)
        elif self.stays:
            self.ask(tag, "uid_changed", value)
            self.ask(tag, "uid_consistent", value)
        else:
            self.ask(tag, "text_removed", value)

    def day(self, tag: int, vr: str, value: str) -> None:
        """A date or a moment; its day must move, stay or go as the profile says."""
        self.put(tag, vr, value)
        kind = {"shifted": "date_shifted", "kept": "text_retained", "removed": "text_removed"}[self.knobs.dates]
        if duty(tag, self.knobs) == "remove" or not self.stays:
            kind = "text_removed"
        self.ask(tag, kind, value, value if kind == "text_retained" else "")

    def sweep(self, turn: int, step: int, day: str) -> None:
        """Plant into every `step`-th attribute of the table that is not there yet, so that some file has each."""
        for place, (tag, vr) in enumerate(table().items()):
            outside = tag >> 16 in (0x0000, 0x0002, 0x0004) or tag >> 24 in (0x50, 0x60)
            if (place + turn) % step == 0 and tag not in self.data and not outside:
                self._one(tag, vr, day)

    def _one(self, tag: int, vr: str, day: str) -> None:
        asked, who = duty(tag, self.knobs), self.who
        if vr in _SPEECH or vr == "CS":
            self._speech(tag, vr, asked)
        elif vr in ("DA", "DT") and asked != "keep":
            self.day(tag, vr, day if vr == "DA" else f"{day}101112")
        elif vr == "TM" and asked == "clean" and self.knobs.dates != "removed":
            self.put(tag, vr, "101112")
            self.ask(tag, "text_retained", "101112", "101112")
        elif vr == "UI" and asked in ("uid", "remove"):
            value = who.uid(9, tag >> 16, tag & 0xFFFF)
            self.put(tag, vr, value)
            if asked == "uid":
                self.judge_uid(tag, value)
            else:
                self.ask(tag, "text_removed", value)
        elif vr == "SQ":
            self._sequence(tag)
        elif vr in ("OB", "UN"):
            self.secret(tag, vr, who.words["family"].encode() + b" ", (who.words["family"],))  # type: ignore[arg-type]

    def _speech(self, tag: int, vr: str, asked: str) -> None:
        who = self.who
        if asked == "keep":
            value = "YES" if vr == "CS" else "Unit 7"
            self.put(tag, vr, value)
            self.ask(tag, "text_retained", value, value)
        elif vr in _SHORT or vr == "UR":  # of ASCII alone
            word = who.words["relative"]
            self.secret(tag, vr, word.upper() if vr == "CS" else word, (word,))
        elif vr == "PN":
            self.secret(tag, vr, f"{who.words['relative']}^{who.words['given']}",
                        (who.words["relative"], who.words["given"]))  # fmt: skip
        else:
            words = ("left", "chest") if asked == "clean" else ()  # a name attribute's words count as a name
            text = " ".join([*words, who.words["family"], who.native, "of", who.words["relative"]])
            tokens = (who.words["family"], who.native, who.words["relative"])
            self.secret(tag, vr, text, tokens, words)

    def _sequence(self, tag: int) -> None:
        self.put(tag, "SQ", Sequence([Dataset()]))
        inner = Planter(self.data[tag].value[0], self.who, self.file, self.knobs, self.actions)
        inner.above, inner.stays = f"{self.above}{tag:08x}.0/", False
        inner.secrets(PatientName=self.who.name, PatientID=self.who.number)
        inner.secret(_tag("CodeMeaning"), "LO", f"of {self.who.words['relative']}", (self.who.words["relative"],))


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return int(tag)
