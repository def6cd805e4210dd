"""The suites of a snapshot: each a table, the rules that it must keep, and the rows of the catalog it speaks for."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from radloop.params import UseCase
from radloop.quality.expectations import Judgement
from radloop.quality.facts import with_facts
from radloop.quality.labels import label_facts, label_rules
from radloop.quality.laterality import laterality_facts, laterality_rules
from radloop.quality.modalities import FILMS, MASKS, ROWS, SERIES_SUITES, ULTRASOUND, UNTOLD, VOLUMETRIC, suite_of
from radloop.quality.rules import Rule, film_rules, row_rules, ultrasound_rules
from radloop.quality.series import VoxelFacts
from radloop.quality.volumes import mask_rules, volume_rules
from radloop.records import QUALITY

_MEASURES = ("decoded_rows", "decoded_columns", "contrast", "structure", "saturated", "inverted", *QUALITY)


@dataclass(frozen=True)
class Suite:
    """One table to be judged; row n of it speaks for the rows of the catalog at the positions `speaks_for[n]`.

    `unit` says in the plural what a row is.
    """

    name: str
    unit: str
    table: pd.DataFrame
    rules: tuple[Rule, ...]
    speaks_for: list[list[int]]


def rules_by_suite(case: UseCase) -> dict[str, tuple[Rule, ...]]:
    """Every suite that judges parts of a snapshot, with its rules."""
    bounds = case.validate_
    return {
        ROWS: (*row_rules(case), *laterality_rules(), *label_rules()),
        FILMS: film_rules(case),
        ULTRASOUND: ultrasound_rules(case),
        **{name: volume_rules(code, bounds.volumes) for code, name in VOLUMETRIC.items()},
        UNTOLD: volume_rules("", bounds.volumes),
        MASKS: mask_rules(bounds.masks),
    }


def image_suites(
    case: UseCase, catalog: pd.DataFrame, films: pd.DataFrame, voxels: VoxelFacts, told: pd.DataFrame
) -> list[Suite]:
    """The suites of a snapshot's images: one of all rows, and one for each modality that is there.

    `catalog`: Stored columns of images; `films`: `quality.survey.survey` of it; `voxels`: `quality.series` of it;
    `told`: `catalog.read_findings` of it.
    """
    facts = [with_facts(catalog), laterality_facts(catalog), label_facts(case, catalog, told)]
    judged = _judged_columns(pd.concat(facts, axis=1), films)
    rules, kinds = rules_by_suite(case), suite_of(catalog).reset_index(drop=True)
    suites = [Suite(ROWS, "images", judged, rules[ROWS], _apart(list(range(len(catalog)))))]
    for name, unit in ((FILMS, "films"), (ULTRASOUND, "images")):
        places = kinds.index[kinds == name].to_list()
        suites.append(Suite(name, unit, judged.iloc[places], rules[name], _apart(places)))
    for name in SERIES_SUITES:
        table = voxels.series[voxels.series["suite"] == name]
        suites.append(Suite(name, "series", table, rules[name], _members(catalog, table)))
    return [suite for suite in suites if len(suite.table) or suite.name == ROWS]


def mask_suite(case: UseCase, masks: pd.DataFrame, regions: pd.DataFrame, accepted: set[str]) -> Suite:
    """The suite of a snapshot's masks, region by region.

    `masks`: Stored columns of masks; `regions`: `quality.series` of them; `accepted`: the record and series ids of the
    images that are accepted, for a mask teaches nothing without its image.
    """
    labels, images = case.validate_.masks.labels, dict(zip(masks["record_id"], masks["of"], strict=True))
    here = regions.groupby("record_id")["label"].agg(lambda told: len(set(labels) - set(told)))
    standing = [
        images[name] in accepted if found else None  # an image that is not here has a rule of its own
        for name, found in zip(regions["record_id"], regions["image_found"], strict=True)
    ]
    table = regions.assign(
        labels_missing=regions["record_id"].map(here).astype(float).where(regions["mask_voxels"].notna()),
        image_accepted=pd.Series(standing, regions.index, dtype=object),
    )
    places = {name: place for place, name in enumerate(masks["record_id"])}
    speaks_for = _apart([places[name] for name in table["record_id"]])
    return Suite(MASKS, "regions of masks", table, rules_by_suite(case)[MASKS], speaks_for)


def reasons_of(suites: list[Suite], judgements: dict[str, Judgement], rows: int) -> list[list[str]]:
    """For each row of the catalog why it is set aside: what its own row, its series or one of its regions breaks."""
    reasons: list[list[str]] = [[] for _ in range(rows)]
    for suite in suites:
        judgement = judgements[suite.name]
        for reason, broken in judgement.breaches.items():
            places = {place for position in broken for place in suite.speaks_for[position]}
            for place in places if judgement.severity[reason] != "warn" else ():
                reasons[place].append(reason)
    return reasons


def _judged_columns(facts: pd.DataFrame, films: pd.DataFrame) -> pd.DataFrame:
    told = films.drop(columns=["record_id", "bits", "thumbnail"])
    judged = pd.concat([facts, told.set_index(facts.index)], axis=1)
    height, width = judged["decoded_rows"], judged["decoded_columns"]
    return judged.assign(
        smaller_side=judged[["rows", "columns"]].min(axis=1),
        size_difference=(height - judged["rows"]).abs() + (width - judged["columns"]).abs(),
    ).astype(dict.fromkeys([*_MEASURES, "size_difference"], float))


def _members(catalog: pd.DataFrame, table: pd.DataFrame) -> list[list[int]]:
    keys = catalog["series_id"].fillna(catalog["record_id"]).reset_index(drop=True)
    suites = suite_of(catalog).reset_index(drop=True)
    return [
        keys.index[(keys == key) & (suites == suite)].to_list()
        for key, suite in zip(table["series_id"], table["suite"], strict=True)
    ]


def _apart(places: list[int]) -> list[list[int]]:
    return [[place] for place in places]
