"""All films of a snapshot that are copies of another patient's, by equal pixels or by likeness."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from radloop.params import Split
from radloop.quality.fingerprints import Fingerprint
from radloop.quality.leakage import equal_films
from radloop.quality.near_duplicates import Pair, near_duplicates


@dataclass(frozen=True)
class Duplicates:
    """Pairs of positions of films, under two patients each; `near` leaves out what is `equal`."""

    equal: list[tuple[int, int]]
    near: list[Pair]

    @property
    def links(self) -> list[tuple[int, int]]:
        """All pairs, whatever showed them."""
        return [*self.equal, *((pair.first, pair.second) for pair in self.near)]


def find_duplicates(films: pd.DataFrame, knobs: Split) -> Duplicates:
    """Find the films that two patients share.

    `films`: patient_id, pixel_sha256, bits, thumbnail, and `shows`, False where a film shows nothing and so is like
    any other that shows nothing.
    """
    shown = [bool(value) for value in films["shows"]]
    places = [place for place, shows in enumerate(shown) if shows]
    equal = [(places[one], places[other]) for one, other in equal_films(films.iloc[places])]
    prints = [
        Fingerprint(bits, thumbnail) if shows and bits is not None else None
        for shows, bits, thumbnail in zip(shown, films["bits"], films["thumbnail"], strict=True)
    ]
    near = near_duplicates(
        prints, films["patient_id"].to_list(), knobs.near_duplicate_distance, knobs.near_duplicate_correlation
    )
    pixels = films["pixel_sha256"].to_list()
    return Duplicates(equal, [pair for pair in near if pixels[pair.first] != pixels[pair.second]])
