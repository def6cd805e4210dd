"""Planted shifts: what can go wrong in production, with the truth known.

A shift is a change of knobs of the SIMULATED hospital and of nothing else, so that a monitor can be
asked whether it finds exactly that.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from radloop.errors import ConfigurationError
from radloop.simulate.knobs import Hospital


@dataclass(frozen=True)
class Shift:
    """One named shift: what it means, its usual amount, and the change of knobs."""

    name: str
    meaning: str
    usual: float
    apply: Callable[[Hospital, float], Hospital]


def _named(*shifts: Shift) -> dict[str, Shift]:
    return {shift.name: shift for shift in shifts}


SHIFTS = _named(
    Shift(
        "new_vendor",
        "share of studies from a vendor never seen in training",
        0.5,
        lambda h, a: replace(h, new_vendor=a),
    ),
    Shift(
        "detector_wear",
        "0 new to 1 worn out: dead lines, uneven gain, fewer counts",
        0.7,
        lambda h, a: replace(h, wear=a),
    ),
    Shift("protocol_change", "kV added to every exposure", -22.0, lambda h, a: replace(h, kvp_offset=h.kvp_offset + a)),
    Shift("older_patients", "years added to the mean age", 17.0, lambda h, a: replace(h, age_mean=h.age_mean + a)),
    Shift("younger_patients", "years taken off the mean age", 22.0, lambda h, a: replace(h, age_mean=h.age_mean - a)),
    Shift("prevalence_change", "the new share of studies with Pneumonia", 0.12, lambda h, a: replace(h, prevalence=a)),
    Shift(
        "worse_subgroup_images",
        "times the usual noise in images of one sex (women)",
        4.0,
        lambda h, a: replace(h, subgroup_noise=a),
    ),
    Shift(
        "worse_subgroup_labels",
        "probability that a recorded label of one sex (women) is wrong",
        0.3,
        lambda h, a: replace(h, subgroup_mislabelled=a),
    ),
    Shift(
        "inverted_images", "share of studies whose grey scale is inverted", 0.15, lambda h, a: replace(h, inverted=a)
    ),
    Shift(
        "rotated_images", "share of studies turned by 90, 180 or 270 degrees", 0.15, lambda h, a: replace(h, rotated=a)
    ),
)


def shifted(hospital: Hospital, names: Iterable[str]) -> Hospital:
    """Apply named shifts in order; `name=amount` overrides a shift's usual amount.

    Raises ConfigurationError for an unknown name or an amount that is no number.
    """
    for text in names:
        name, _, amount = text.partition("=")
        if name not in SHIFTS:
            raise ConfigurationError(f"unknown shift {name!r}.", f"choose among {', '.join(sorted(SHIFTS))}")
        shift = SHIFTS[name]
        try:
            value = float(amount) if amount else shift.usual
        except ValueError:
            raise ConfigurationError(
                f"the amount {amount!r} of shift {name!r} is no number.", f"write {name}={shift.usual}"
            ) from None
        hospital = shift.apply(hospital, value)
    return hospital
