"""Which columns of the prediction log are watched, and what each tells: the one table of the monitor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from radloop.records import STATISTICS
from radloop.sketches import Grid

Stream = Literal["acquisition", "population", "image", "embedding", "score", "prevalence", "performance", "bias"]

#: What each stream asks, in the words of the reports.
QUESTIONS: Mapping[Stream, str] = {
    "acquisition": "Do the films come from the same machines, sites and views?",
    "population": "Are the patients alike in age and sex?",
    "image": "Do the films look alike: brightness, contrast, sharpness, noise?",
    "embedding": "Does the network see the same kind of films?",
    "score": "Does the model answer alike?",
    "prevalence": "Is the finding as frequent, where labels came?",
    "performance": "Is the model as good, where labels came?",
    "bias": "Is it as good for every group, where labels came?",
}

#: Fewer people than this in a demographic cell are not told, so that nobody can be singled out.
SMALLEST_CELL = 10

MISSING = "(missing)"
OTHER = "(other)"


@dataclass(frozen=True)
class Watched:
    """One column: its stream, how it is named to people, and, for a number, its grid and unit."""

    name: str
    stream: Stream
    title: str
    grid: Grid | None = None
    unit: str = ""

    @property
    def numeric(self) -> bool:
        """True for a number, False for a category."""
        return self.grid is not None


_STATISTICS: Mapping[str, tuple[str, Grid] | tuple[str, Grid, str]] = {
    "image_mean": ("image brightness", Grid(0, 1)),
    "image_std": ("image contrast", Grid(0, 0.5)),
    "image_p01": ("image 1st percentile", Grid(-0.5, 0.5)),
    "image_p99": ("image 99th percentile", Grid(0.5, 1.5)),
    "image_entropy": ("image entropy", Grid(0, 8)),
    "image_sharpness": ("image sharpness", Grid(0, 0.3)),
    "image_noise": ("image noise", Grid(0, 0.1)),
    "image_inverted": ("likeness to a negative", Grid(0, 1)),
    "image_contrast": ("contrast of the stored range", Grid(0, 1)),
    "image_exposure": ("exposure", Grid(0, 1)),
    "image_saturated": ("saturated share", Grid(0, 1)),
    "image_motion": ("directional blur", Grid(0, 1)),
    "image_turned": ("likeness to a turned film", Grid(0, 1)),
    "image_tilt": ("tilt in the image", Grid(-16, 16), "degrees"),
    "image_collimated": ("collimated share", Grid(0, 1)),
    "image_field": ("height of the field", Grid(0, 1000), "mm"),
}

WATCHED: tuple[Watched, ...] = (
    Watched("manufacturer", "acquisition", "manufacturer"),
    Watched("model_name", "acquisition", "scanner model"),
    Watched("software", "acquisition", "software"),
    Watched("site", "acquisition", "site"),
    Watched("acquisition_group", "acquisition", "acquisition group"),
    Watched("view", "acquisition", "view"),
    Watched("modality", "acquisition", "modality"),
    Watched("photometric_interpretation", "acquisition", "photometric interpretation"),
    Watched("kvp", "acquisition", "tube voltage", Grid(30, 160, 65), "kV"),
    Watched("exposure", "acquisition", "exposure", Grid(0, 60), "mAs"),
    Watched("pixel_spacing", "acquisition", "pixel spacing", Grid(0, 1, 100), "mm"),
    Watched("rows", "acquisition", "rows", Grid(0, 6000), "px"),
    Watched("columns", "acquisition", "columns", Grid(0, 6000), "px"),
    Watched("age", "population", "age", Grid(0, 120), "years"),
    Watched("sex", "population", "sex"),
    *(Watched(name, "image", *_STATISTICS[name]) for name in STATISTICS),
    Watched("logit", "score", "logit", Grid(-15, 15)),
    Watched("decision", "score", "positive decisions"),
    Watched("label", "prevalence", "prevalence"),
)

BY_NAME: Mapping[str, Watched] = {column.name: column for column in WATCHED}
GRIDS: Mapping[str, Grid] = {c.name: c.grid for c in WATCHED if c.grid} | {"score": Grid(0, 1, 20)}
CATEGORIES: tuple[str, ...] = tuple(c.name for c in WATCHED if not c.numeric)
DEMOGRAPHIC = frozenset({"age", "sex"})


def tell(value: object) -> str:
    """A category value as reports show it: one short line that no page can take for markup.

    Values come from files that anyone may have written, and pages are opened in a browser.
    """
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    text = "".join(c if c.isprintable() else " " for c in str(value)).strip()
    return text.translate(str.maketrans("<>&\"'`$", "‹›+”’’¤"))[:48] or "(blank)"


#: How truth is spelt in tables that lost its type, for a column of booleans with gaps often does.
_TRUTH = {"1": "yes", "1.0": "yes", "True": "yes", "0": "no", "0.0": "no", "False": "no"}


def tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """The watched columns of a table of predictions, cleaned; ids are left behind, but for the patient.

    `patient` becomes a number that means nothing outside this table: tests need to know which images share
    one. Missing columns become all missing. `embedding` stays a column of lists.
    """
    out = pd.DataFrame(index=pd.RangeIndex(len(frame)))
    for column in WATCHED:
        raw = frame[column.name].reset_index(drop=True) if column.name in frame else None
        out[column.name] = _numbers(raw, len(frame)) if column.numeric else _words(raw, len(frame))
    out["label"] = out["label"].replace(_TRUTH)
    out["score"] = _numbers(frame["score"].reset_index(drop=True), len(frame))
    out["patient"] = pd.factorize(frame["patient_id"])[0] if len(frame) else np.zeros(0, dtype=int)
    out["day"] = pd.to_datetime(frame["received_on"]).dt.date.to_numpy()
    return out


def _numbers(raw: pd.Series | None, rows: int) -> pd.Series:
    if raw is None:
        return pd.Series(np.full(rows, np.nan))
    return pd.to_numeric(raw, errors="coerce").astype(float)


def _words(raw: pd.Series | None, rows: int) -> pd.Series:
    if raw is None:
        return pd.Series([None] * rows, dtype=object)
    known = raw.notna()
    told = {value: tell(value) for value in raw[known].unique()}
    return raw.astype(object).where(known, None).map(lambda value: None if value is None else told[value])


def embeddings(frame: pd.DataFrame) -> np.ndarray:
    """The embeddings of a table, float64 [n, d]; d is 0 where any row lacks one or lengths differ."""
    rows = frame["embedding"].tolist() if "embedding" in frame else []
    lengths = {0 if row is None else len(row) for row in rows}
    if len(lengths) != 1 or lengths == {0}:
        return np.zeros((len(frame), 0))
    return np.asarray([np.asarray(row, dtype=float) for row in rows])
