"""What a model may be asked about and how its input is made: the part of a bundle that reading a study needs.

Apart from the bundle, because the processes that read studies hold no engine.
"""

from __future__ import annotations

from dataclasses import dataclass

from radloop.errors import StudyRejected
from radloop.imaging.preprocess import Preprocess
from radloop.params import Accepts
from radloop.records import Record


@dataclass(frozen=True)
class Intake:
    """The rules for records and the settings for pixels."""

    acceptance: Accepts
    preprocess: Preprocess

    def accepts(self, record: Record) -> None:
        """Let a record pass, or say which attribute is outside what the model was shown; what is missing passes.

        Raises StudyRejected("not_accepted").
        """
        rules = self.acceptance
        for name in ("modality", "body_part", "view", "photometric_interpretation"):
            value, known = getattr(record, name), getattr(rules, name)
            if value is not None and value not in known:
                raise _not_accepted(name, value, f"must be one of {', '.join(known)}")
        if (record.frames or 1) != 1:
            raise _not_accepted("frames", record.frames, "must be 1: one picture is prepared of one frame")
        lowest, highest = rules.bits_stored
        if not lowest <= record.bits_stored <= highest:
            raise _not_accepted("bits_stored", record.bits_stored, f"must be from {lowest} to {highest}")
        for name in ("rows", "columns"):
            if getattr(record, name) < rules.smallest_side:
                raise _not_accepted(name, getattr(record, name), f"must be at least {rules.smallest_side}")


def _not_accepted(attribute: str, value: object, rule: str) -> StudyRejected:
    return StudyRejected(
        "not_accepted",
        f"{attribute} is {value!r}, which this model may not be asked about: it {rule}.",
        "send the study to a model for it",
    )
