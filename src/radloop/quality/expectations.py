"""Great Expectations as the judge: rules become suites, a table is judged, counts and row positions come back."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, get_type_hints

import pandas as pd

from radloop.params import UseCase
from radloop.quality.rules import Rule
from radloop.records import Stored

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult

#: Row positions come back, values never do: a page of results must hold no patient.
COUNTS_ONLY = {"result_format": "COMPLETE", "partial_unexpected_count": 0, "exclude_unexpected_values": True}
#: Expectations of values that hold where there is none; another's missing value is what it asks for.
_OF_VALUES = ("expect_column_values_to_be_between", "expect_column_values_to_be_in_set")
#: pandas' types of a column, by the plain annotation of the noun; a missing value is the presence rules' matter.
_TYPES = {str: ["str"], int: ["int64", "float64"], float: ["float64"], date: ["date"]}


@dataclass(frozen=True)
class Judgement:
    """What one suite said of one table, by each rule's reason; `result` is what Data Docs render.

    `judged` counts the table's rows, and `unit` says in the plural what one of them is.
    """

    result: ExpectationSuiteValidationResult
    breaches: dict[str, list[int]]
    seen: dict[str, Any]
    holds: dict[str, bool]
    severity: dict[str, str]
    judged: int = 0
    unit: str = "rows"
    when: datetime | None = None
    untold: frozenset[str] = frozenset()  # rules that hold because no row has a value that they could be broken by

    def broken(self, severity: str) -> list[str]:
        """The reasons of this severity that do not hold."""
        return [reason for reason, holds in self.holds.items() if not holds and self.severity[reason] == severity]

    def reasons_of(self, column: str) -> list[str]:
        """The reasons of the rules about this column, in their order; any other name stands for the whole table."""
        kept = [(one.expectation_config.kwargs.get("column"), one) for one in self.result.results]
        told = {name for name, _ in kept if name}
        wanted = column if column in told else None
        return [one.expectation_config.meta["reason"] for name, one in kept if name == wanted]


def judge(frame: pd.DataFrame, name: str, rules: tuple[Rule, ...], when: datetime, unit: str = "rows") -> Judgement:
    """Let Great Expectations judge `frame`; each rule's reason is the key of what it found.

    `breaches` holds the positions of the rows that break a row rule, `seen` what a table rule observed.
    `when` stands in the pages as their time, so that equal data give equal pages.
    """
    import great_expectations as gx  # 4 s, which only this stage should pay
    from great_expectations.core.run_identifier import RunIdentifier

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    expectations = [_expectation(rule) for rule in rules]  # all at once: each later one would store the suite anew
    suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
    asset = context.data_sources.add_pandas("catalog").add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe("all rows")
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite))
    result = definition.run(
        batch_parameters={"dataframe": frame.reset_index(drop=True)},
        result_format=COUNTS_ONLY,
        run_id=RunIdentifier(run_name=name, run_time=when),
    )
    found = _judgement(result, {rule.reason: rule.severity for rule in rules})
    return replace(found, judged=len(frame), unit=unit, when=when)


def schema_rules() -> tuple[Rule, ...]:
    """The columns of a catalog and their types, from the noun itself, so that there is no second list."""
    hints = get_type_hints(Stored)
    names = [field.name for field in fields(Stored)]
    whole = Rule("columns", "ExpectTableColumnsToMatchSet", "", {"column_set": names, "exact_match": False}, "stop")
    typed = [
        Rule(f"type_{name}", "ExpectColumnValuesToBeInTypeList", name, {"type_list": kinds}, "stop")
        for name in names
        if (kinds := _kinds(hints[name])) is not None
    ]
    return (whole, *typed)


def table_rules(case: UseCase) -> tuple[Rule, ...]:
    """The rules about a snapshot as a whole, for the columns `accepted`, `quarantined` and `positive`."""
    bounds = case.validate_
    low, high = bounds.prevalence
    return (
        Rule("smallest_rows", "ExpectColumnSumToBeBetween", "accepted", {"min_value": bounds.smallest_rows},
             "stop"),
        Rule("largest_quarantine", "ExpectColumnMeanToBeBetween", "quarantined",
             {"max_value": bounds.largest_quarantine}, "stop"),
        Rule("prevalence", "ExpectColumnMeanToBeBetween", "positive", {"min_value": low, "max_value": high},
             "stop"),
    )  # fmt: skip


def _kinds(hint: Any) -> list[str] | None:
    arms = [arm for arm in getattr(hint, "__args__", (hint,)) if arm is not type(None)]
    return _TYPES.get(arms[0])


def _expectation(rule: Rule) -> Any:
    import great_expectations.expectations as expectations

    column = {"column": rule.column} if rule.column else {}
    return getattr(expectations, rule.kind)(**column, **rule.bounds, meta={"reason": rule.reason})


def _judgement(result: ExpectationSuiteValidationResult, severity: dict[str, str]) -> Judgement:
    breaches, seen, holds, untold = {}, {}, {}, set()
    for one in result.results:
        reason = one.expectation_config.meta["reason"]
        if hasattr(one.result.get("observed_value"), "item"):  # its pages cannot show numpy's own numbers
            one.result["observed_value"] = one.result["observed_value"].item()
        breaches[reason] = list(one.result.get("unexpected_index_list") or [])
        seen[reason] = one.result.get("observed_value")
        holds[reason] = bool(one.success)
        if one.expectation_config.type in _OF_VALUES and one.result["missing_count"] == one.result["element_count"]:
            untold.add(reason)
    return Judgement(result, breaches, seen, holds, severity, untold=frozenset(untold))
