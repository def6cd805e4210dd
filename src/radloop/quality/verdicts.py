"""The verdict on a snapshot: each row's reasons, and the checks that decide whether training may go on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from radloop.gate import Check
from radloop.params import UseCase
from radloop.quality.expectations import Judgement, judge, schema_rules, table_rules
from radloop.quality.series import NO_VOXELS, VoxelFacts
from radloop.quality.suites import Suite, image_suites, mask_suite, reasons_of

#: Arrivals with this reason were never studies, so they say nothing of the source's quality.
NOT_STUDIES = ("not_an_image_file",)


@dataclass(frozen=True)
class Verdicts:
    """`reasons`: for each image, in the catalog's order, why it is quarantined; empty where it is accepted.

    `mask_reasons` says the same of each mask.
    """

    reasons: list[list[str]]
    mask_reasons: list[list[str]]
    judgements: dict[str, Judgement]
    checks: tuple[Check, ...]
    summary: dict[str, Any]


def judge_snapshot(
    case: UseCase,
    catalog: pd.DataFrame,
    films: pd.DataFrame,
    refused: pd.DataFrame,
    voxels: VoxelFacts = NO_VOXELS,
    told: pd.DataFrame | None = None,
) -> Verdicts:
    """Judge a snapshot's columns, then its images by the suites of their modalities, its masks, and what is left.

    A rule of severity stop closes the gate and, like quarantine, sets aside the images or masks that break it; warn is
    counted and told. Nothing is judged where columns are missing or of a wrong type: every row is then quarantined as
    `schema`. `catalog`: Stored columns; `films`: `quality.survey.survey` of its images, in their order; `voxels`:
    `quality.series.survey_series` of all of it; `refused`: arrivals that were never admitted; `told`:
    `catalog.read_findings`, without which no label was ever corrected.
    """
    when = catalog["admitted_at"].max().to_pydatetime() if "admitted_at" in catalog else datetime.min
    masked = catalog["role"] == "mask" if "role" in catalog else pd.Series(False, index=catalog.index)
    images, masks = catalog[~masked].reset_index(drop=True), catalog[masked].reset_index(drop=True)
    schema = judge(catalog, "schema", schema_rules(), when)
    judgements = {"schema": schema}
    if all(schema.holds.values()):
        suites = image_suites(case, images, films, voxels, images if told is None else told)
        judgements |= _judged(suites, when)
        reasons = reasons_of(suites, judgements, len(images))
        of_masks = [mask_suite(case, masks, voxels.masks, _accepted(images, reasons))] if len(voxels.masks) else []
        judgements |= _judged(of_masks, when)
        mask_reasons = reasons_of(of_masks, judgements, len(masks))
    else:
        reasons, mask_reasons = [["schema"] for _ in range(len(images))], [["schema"] for _ in range(len(masks))]
    whole = whole_snapshot(case, images, reasons, refused)
    judgements["snapshot"] = judge(whole, "snapshot", table_rules(case), when, "arrivals")
    counted = _summary(images, reasons, whole, refused) | _told(judgements) | _masks(mask_reasons)
    return Verdicts(reasons, mask_reasons, judgements, _checks(judgements, case), counted)


def _judged(suites: list[Suite], when: datetime) -> dict[str, Judgement]:
    return {suite.name: judge(suite.table, suite.name, suite.rules, when, suite.unit) for suite in suites}


def _accepted(images: pd.DataFrame, reasons: list[list[str]]) -> set[str]:
    """Record ids of accepted images, and series ids of series that are accepted as a whole."""
    good = pd.Series([not why for why in reasons], index=images.index, dtype=bool)
    whole = good.groupby(images["series_id"]).all()
    return {*images["record_id"][good], *whole.index[whole]}


def whole_snapshot(
    case: UseCase, catalog: pd.DataFrame, reasons: list[list[str]], refused: pd.DataFrame
) -> pd.DataFrame:
    """One row per arrival: `accepted` and `quarantined` as 0 or 1, `positive` where accepted and labelled."""
    accepted = pd.Series([not why for why in reasons], dtype=bool)
    findings = catalog["findings"] if "findings" in catalog else pd.Series([None] * len(catalog))
    positive = [None if found is None else float(case.task.finding in found) for found in findings]
    rows = pd.DataFrame({
        "accepted": accepted.astype(int),
        "quarantined": (~accepted).astype(int),
        "positive": pd.Series(positive, dtype=float).where(accepted),
    })  # fmt: skip
    studies = int((~refused["reason"].isin(NOT_STUDIES)).sum())
    outside = pd.DataFrame({"accepted": [0] * studies, "quarantined": [1] * studies, "positive": [None] * studies})
    return pd.concat([rows, outside.astype(rows.dtypes.to_dict())], ignore_index=True)


def _checks(judgements: dict[str, Judgement], case: UseCase) -> tuple[Check, ...]:
    broken = [reason for reason, holds in judgements["schema"].holds.items() if not holds]
    whole, bounds = judgements["snapshot"], case.validate_
    rules = {
        "smallest_rows": f"at least {bounds.smallest_rows} accepted images",
        "largest_quarantine": f"at most {bounds.largest_quarantine:.0%} of arrivals refused or quarantined",
    }
    if case.task.finding:
        rules["prevalence"] = f"share of {case.task.finding} in {bounds.prevalence[0]:g} to {bounds.prevalence[1]:g}"
    schema = Check("schema", not broken, broken or "as declared", "every column is there with its type")
    stopping = sorted({reason for one in _of_parts(judgements) for reason in one.broken("stop")})
    none = Check("stopping_rows", not stopping, stopping or "none", "no row breaks a rule of severity stop")
    return (
        schema,
        none,
        *(Check(name, whole.holds[name], _number(whole.seen[name]), rule) for name, rule in rules.items()),
    )


def _number(seen: Any) -> float | None:
    return None if seen is None or pd.isna(seen) else round(float(seen), 4)


def _of_parts(judgements: dict[str, Judgement]) -> list[Judgement]:
    """Those about parts of the snapshot, not about it as a whole."""
    return [one for name, one in judgements.items() if name not in ("schema", "snapshot")]


def _told(judgements: dict[str, Judgement]) -> dict[str, Any]:
    """How many images, series and regions of masks break each rule that only warns."""
    warned = Counter[str]()
    for judgement in _of_parts(judgements):
        warned.update({why: len(judgement.breaches[why]) for why in judgement.broken("warn")})
    return {"warned_by_reason": dict(warned)}


def _masks(mask_reasons: list[list[str]]) -> dict[str, Any]:
    accepted = sum(not why for why in mask_reasons)
    return {
        "masks": len(mask_reasons),
        "masks_accepted": accepted,
        "masks_quarantined_by_reason": dict(Counter(reason for why in mask_reasons for reason in why)),
    }


def _summary(
    catalog: pd.DataFrame, reasons: list[list[str]], whole: pd.DataFrame, refused: pd.DataFrame
) -> dict[str, Any]:
    accepted = [not why for why in reasons]
    return {
        "rows": len(catalog),
        "patients": int(catalog["patient_id"].nunique()) if "patient_id" in catalog else None,
        "accepted": sum(accepted),
        "quarantined": len(accepted) - sum(accepted),
        "quarantined_by_reason": dict(Counter(reason for why in reasons for reason in why)),
        "refused_at_admission_by_reason": {str(k): int(v) for k, v in refused["reason"].value_counts().items()},
        "labelled": int(whole["positive"].notna().sum()),
        "prevalence": _number(whole["positive"].mean()),
    }
