from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from radloop.params import UseCase
from radloop.quality.series import mask_frame
from radloop.quality.suites import mask_suite, rules_by_suite
from radloop.sections.suites import Masks

Catalog = Callable[..., pd.DataFrame]


def region(mask: str, **told: Any) -> dict[str, Any]:
    return {"record_id": mask, "laid": True, "image_found": True, "voxels": 5, **told}


def test_declared_labels_that_a_mask_lacks_are_counted_where_it_could_be_read(case: UseCase, catalog: Catalog) -> None:
    bounds = case.validate_.model_copy(update={"masks": Masks(labels=("1", "2"))})
    masks = catalog({"of": "image"}, {"of": "image"}, {"of": "other"})
    regions = mask_frame([
        region("r-0", label="1"), region("r-0", label="2"), region("r-1", label="1"),
        region("r-2", voxels=None, refusal="grid", image_found=False),
    ])  # fmt: skip
    suite = mask_suite(case.model_copy(update={"validate_": bounds}), masks, regions, {"image"})
    assert suite.table["labels_missing"].fillna(-1).tolist() == [0, 0, 1, -1]
    assert suite.table["image_accepted"].tolist() == [True, True, True, None]
    assert suite.speaks_for == [[0], [0], [1], [2]]
    assert {"label_missing", "label_not_declared"} <= {rule.reason for rule in suite.rules}


def test_a_suite_tells_each_reason_once_and_only_known_severities(case: UseCase) -> None:
    for rules in rules_by_suite(case).values():
        assert len({rule.reason for rule in rules}) == len(rules)
        assert {rule.severity for rule in rules} <= {"stop", "quarantine", "warn"}
