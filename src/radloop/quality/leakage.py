"""Does anything stand in two splits? The last look, at the finished table, whatever made it."""

from __future__ import annotations

import pandas as pd

from radloop.quality.groups import EXCLUDED


def shared_between_splits(table: pd.DataFrame, column: str) -> list[str]:
    """The values of `column` that occur in more than one split, sorted; excluded films are in none.

    Asked of `pixel_sha256` it finds films, of `patient_id` and `group_id` people who would be taught and then asked.
    `table`: `split` and `column`.
    """
    dealt = table[table["split"] != EXCLUDED]
    splits = dealt.groupby(column)["split"].nunique()
    return sorted(splits.index[splits > 1])


def equal_films(table: pd.DataFrame) -> list[tuple[int, int]]:
    """Positions of films with equal pixels under different patients, each with the first of its kind.

    `table`: `patient_id`, `pixel_sha256`.
    """
    pairs = []
    patients = table["patient_id"].to_list()
    for places in table.groupby("pixel_sha256", sort=False).indices.values():
        first, *others = (int(place) for place in places)
        pairs += [(first, other) for other in others if patients[other] != patients[first]]
    return sorted(pairs)
