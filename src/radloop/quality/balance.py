"""Are the splits alike in label, site and sex? Shares side by side, and which differences chance cannot explain."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from radloop.quality.groups import SPLITS

#: Share of chance differences that the range covers, over all cells of the table together.
CERTAINTY = 0.99
VARIABLES = ("label", "site", "sex")


@dataclass(frozen=True)
class Cell:
    """The share of one category in one split, beside its share in the whole.

    `low` and `high` bound what dealing by chance gives; `holds` is False only where the difference is both larger
    than the knob and outside that range.
    """

    variable: str
    category: str
    split: str
    images: int
    share: float
    whole: float
    low: float
    high: float
    holds: bool


def balance(table: pd.DataFrame, largest_imbalance: float) -> list[Cell]:
    """Compare each split with the whole, category by category.

    A difference counts against the deal where it exceeds `largest_imbalance` and the range that a binomial gives
    with 99 % certainty, over all cells together (Bonferroni): a small split differs by chance, and a keyed hash must
    not be re-dealt until it looks well. Films of one group stand together, so the binomial's n is Kish's effective
    number of films, (sum m)^2 / sum m^2 over the groups' sizes m (Survey Sampling, 1965).
    `table`: split, group_id, and the columns of VARIABLES; a missing value is the category "unknown".
    """
    cells = []
    columns = {name: table[name].map(_word) for name in VARIABLES}
    count = sum(column.nunique() for column in columns.values()) * len(SPLITS)
    for variable, column in columns.items():
        for category, whole in column.value_counts(normalize=True).sort_index().items():
            for split in SPLITS:
                inside = table["split"] == split
                one = share_and_chance(column[inside] == category, table["group_id"][inside], float(whole), count)
                holds = abs(one[0] - whole) <= largest_imbalance or one[1] <= one[0] <= one[2]
                cells.append(
                    Cell(variable, str(category), split, int(inside.sum()), one[0], float(whole), one[1], one[2], holds)
                )
    return cells


def effective_number(groups: pd.Series) -> float:
    """How many independent films a split is worth: its number of films where each group has one, fewer otherwise."""
    sizes = groups.value_counts()
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if len(sizes) else 0.0


def split_sizes(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Images, groups, patients, positives and negatives of each split; the excluded are counted beside."""
    return {
        str(split): {
            "images": len(part),
            "patients": int(part["patient_id"].nunique()),
            "groups": int(part["group_id"].nunique()),
            "positives": int((part["label"] == True).sum()),  # noqa: E712 (the column holds None too)
            "negatives": int((part["label"] == False).sum()),  # noqa: E712
        }
        for split, part in table.groupby("split", sort=True)
    }


def share_and_chance(hits: pd.Series, groups: pd.Series, whole: float, cells: int) -> tuple[float, float, float]:
    """The share of `hits`, and the range of shares that chance gives where the whole's is `whole`.

    For one of `cells` shares that are looked at together; `groups` says which films are not independent.
    """
    from scipy.stats import binom  # 0.5 s that only this check needs

    n = max(1, round(effective_number(groups)))
    tail = (1.0 - CERTAINTY) / 2 / max(1, cells)
    low, high = binom.ppf(tail, n, whole) / n, binom.isf(tail, n, whole) / n
    return (float(hits.mean()) if len(hits) else 0.0), float(low), float(high)


def _word(value: object) -> str:
    if value is None or value != value:
        return "unknown"
    return {True: "positive", False: "negative"}.get(value, str(value)) if isinstance(value, bool) else str(value)
