"""What each feature is called: our tag, the standard's permanent identifier, its name and its family."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from radloop.errors import ConfigurationError

FAMILIES = {
    "morph": "morphology", "loc": "local intensity", "stat": "intensity-based statistics",
    "ih": "intensity histogram", "ivh": "intensity-volume histogram", "cm": "grey level co-occurrence matrix",
    "rlm": "grey level run length matrix", "szm": "grey level size zone matrix",
    "dzm": "grey level distance zone matrix", "ngt": "neighbourhood grey tone difference matrix",
    "ngl": "neighbouring grey level dependence matrix",
}  # fmt: skip


@dataclass(frozen=True)
class Feature:
    """One feature of IBSI-1; `id` is the standard's, and that of DICOM's coding scheme IBSI where it has one."""

    tag: str
    id: str
    name: str

    @property
    def family(self) -> str:
        """The name of the family that the tag begins with."""
        return FAMILIES[self.tag.partition("_")[0]]


@cache
def features() -> dict[str, Feature]:
    """All features by tag, aggregations apart. Source: IBSI-1 reference manual; PS3.16 for the identifiers."""
    text = files("radloop.radiomics").joinpath("features.csv").read_text("utf-8")
    return {row["tag"]: Feature(**row) for row in csv.DictReader(text.splitlines(), delimiter=";")}


def feature(tag: str) -> Feature:
    """The feature of a column's tag, with or without its aggregation. Raises ConfigurationError for an unknown one."""
    plain = re.sub(r"_(2D|2_5D|3D)(_avg|_comb)?$", "", tag)
    if plain not in features():
        raise ConfigurationError(f"no feature is called {tag!r}.", "look the tag up in docs/concepts/roi-features.md")
    return features()[plain]
