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
from radloop.quality.facts import with_facts
from radloop.quality.rules import row_rules
from radloop.records import QUALITY

#: Arrivals with this reason were never studies, so they say nothing of the source's quality.
NOT_STUDIES = ("not_an_image_file",)


@dataclass(frozen=True)
class Verdicts:
    """`reasons`: for each row of the catalog, in its order, why it is quarantined; empty where it is accepted."""

    reasons: list[list[str]]
    judgements: dict[str, Judgement]
    checks: tuple[Check, ...]
    summary: dict[str, Any]


def judge_snapshot(case: UseCase, catalog: pd.DataFrame, films: pd.DataFrame, refused: pd.DataFrame) -> Verdicts:
    """Judge a snapshot's columns, then its rows, then what is left, each with its own suite.

    A row rule of severity stop closes the gate and, like quarantine, sets the row aside; warn is counted and told.
    Rows are not judged where columns are missing or of a wrong type: every row is then quarantined as `schema`.
    `catalog`: Stored columns; `films`: `quality.survey.survey` of it; `refused`: arrivals that were never admitted.
    """
    when = catalog["admitted_at"].max().to_pydatetime() if "admitted_at" in catalog else datetime.min
    schema = judge(catalog, "schema", schema_rules(), when)
    judgements = {"schema": schema}
    if all(schema.holds.values()):
        judgements["rows"] = judge(_judged_columns(catalog, films), "rows", row_rules(case), when)
        reasons = _reasons(judgements["rows"], len(catalog))
    else:
        reasons = [["schema"] for _ in range(len(catalog))]
    whole = whole_snapshot(case, catalog, reasons, refused)
    judgements["snapshot"] = judge(whole, "snapshot", table_rules(case), when)
    return Verdicts(
        reasons, judgements, _checks(judgements, case), _summary(catalog, reasons, whole, refused) | _told(judgements)
    )


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


def _judged_columns(catalog: pd.DataFrame, films: pd.DataFrame) -> pd.DataFrame:
    told = films.drop(columns=["record_id", "bits", "thumbnail"])
    judged = pd.concat([with_facts(catalog), told.set_index(catalog.index)], axis=1)
    height, width = judged["decoded_rows"], judged["decoded_columns"]
    numbers = ["decoded_rows", "decoded_columns", "contrast", "structure", "saturated", "inverted", *QUALITY]
    return judged.assign(
        smaller_side=judged[["rows", "columns"]].min(axis=1),
        size_difference=(height - judged["rows"]).abs() + (width - judged["columns"]).abs(),
    ).astype(dict.fromkeys([*numbers, "size_difference"], float))


def _reasons(judgement: Judgement, rows: int) -> list[list[str]]:
    reasons: list[list[str]] = [[] for _ in range(rows)]
    for reason, positions in judgement.breaches.items():
        for position in positions if judgement.severity[reason] != "warn" else ():
            reasons[position].append(reason)
    return reasons


def _checks(judgements: dict[str, Judgement], case: UseCase) -> tuple[Check, ...]:
    broken = [reason for reason, holds in judgements["schema"].holds.items() if not holds]
    whole, bounds = judgements["snapshot"], case.validate_
    rules = {
        "smallest_rows": f"at least {bounds.smallest_rows} accepted images",
        "largest_quarantine": f"at most {bounds.largest_quarantine:.0%} of arrivals refused or quarantined",
        "prevalence": f"share of {case.task.finding} in {bounds.prevalence[0]:g} to {bounds.prevalence[1]:g}",
    }
    schema = Check("schema", not broken, broken or "as declared", "every column is there with its type")
    stopping = judgements["rows"].broken("stop") if "rows" in judgements else []
    none = Check("stopping_rows", not stopping, stopping or "none", "no row breaks a rule of severity stop")
    return (
        schema,
        none,
        *(Check(name, whole.holds[name], _number(whole.seen[name]), rule) for name, rule in rules.items()),
    )


def _number(seen: Any) -> float | None:
    return None if seen is None or pd.isna(seen) else round(float(seen), 4)


def _told(judgements: dict[str, Judgement]) -> dict[str, Any]:
    """Rows by each rule that they break and that only warns."""
    rows = judgements.get("rows")
    return {"warned_by_reason": {why: len(rows.breaches[why]) for why in rows.broken("warn")} if rows else {}}


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
