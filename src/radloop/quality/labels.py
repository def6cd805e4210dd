"""Do the labels of one study, of one film and of one image's history agree on the finding that is taught?"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from radloop.params import UseCase
from radloop.quality.modalities import FILMS, suite_of
from radloop.quality.rules import Rule, between


def label_facts(case: UseCase, catalog: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """How many different answers there are to whether the finding is present, 0 where nobody looked.

    `labels_of_study`: over the images of a study, whatever source labelled each; `labels_of_pixels`: over all films
    with these very pixels (slices may be equal, for air is); `labels_of_image`: over all that was told of this image,
    first by its source, then by people. `told`: `catalog.read_findings`.
    """
    positive = _positive(case, catalog["findings"])
    films = (suite_of(catalog) == FILMS).to_numpy()
    history = _positive(case, told["findings"]).groupby(told["record_id"]).nunique()
    return pd.DataFrame({
        "labels_of_study": positive.groupby(catalog["study_id"]).transform("nunique"),
        "labels_of_pixels": positive.where(films).groupby(catalog["pixel_sha256"]).transform("nunique"),
        "labels_of_image": catalog["record_id"].map(history),
    }, index=catalog.index).astype(float)  # fmt: skip


def label_rules() -> Iterator[Rule]:
    """The rules about labels: two answers about one study or one film cannot both be taught; a correction warns."""
    yield between("labels_of_study_disagree", "labels_of_study", None, 1)
    yield between("labels_of_equal_films_disagree", "labels_of_pixels", None, 1)
    yield between("label_was_corrected", "labels_of_image", None, 1, "warn")


def _positive(case: UseCase, findings: pd.Series) -> pd.Series:
    answers = [None if found is None else float(case.task.finding in found) for found in findings]
    return pd.Series(answers, index=findings.index, dtype=float)
