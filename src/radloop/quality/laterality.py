"""Does the side that an image tells fit its body part, its view, its description and the rest of its series?

A left knee taught as a right one is wrong whatever its pixels show, and only the header can say so.
Source: PS3.3 C.7.3.1.1.1 (Laterality: told of paired parts, absent of others), C.8.11.5 (ViewPosition), PS3.16 Annex L.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from radloop.dicom.values import LATERALITIES
from radloop.quality.rules import Rule, between, within

SIDES = ("L", "R")
_PAIRED = """
    ankle arm axilla breast calcaneus clavicle ear elbow eye femur fibula finger foot forearm forefoot hand hindfoot hip
    humerus kidney knee leg lowerleg orbit patella radius radiusulna rib scapula shoulder thigh thumb tibia tibiafibula
    toe ulna upperarm wrist
"""
_UNPAIRED = """
    abdomen abdomenpelvis bladder brain chest chestabdomen chestabdpelvis coccyx colon cspine esophagus head headneck
    heart liver lspine mediastinum neck pancreas pelvis prostate rectum sacrum skull spine spleen sternum stomach
    trachea tspine uterus wholebody
"""
#: Values of BodyPartExamined by whether there are two of them (PS3.16 Annex L); of others nobody asks for a side.
PAIRED, UNPAIRED = frozenset(_PAIRED.upper().split()), frozenset(_UNPAIRED.upper().split())
#: Views that tell which side lies on the detector, or which side the patient lies on (PS3.3 C.8.11.5).
SIDED_VIEWS = {"LL": "L", "LLD": "L", "LLO": "L", "RL": "R", "RLD": "R", "RLO": "R"}


def laterality_facts(catalog: pd.DataFrame) -> pd.DataFrame:
    """What each row's `laterality` contradicts, one column for each rule of `laterality_rules`; None where untold.

    The side of a view is that of the trunk: of a limb it says nothing, for either leg can be imaged from either side.
    """
    side = catalog["laterality"].where(catalog["laterality"].isin(SIDES))
    part = catalog["body_part"].str.upper()
    unpaired = part.isin(UNPAIRED)
    of_view = catalog["view"].str.upper().map(SIDED_VIEWS)
    against_view = side.notna() & unpaired & of_view.notna() & (of_view != side)
    words = catalog["series_description"].map(_side_of_words)
    keys = catalog["series_id"].fillna(catalog["record_id"])
    return pd.DataFrame({
        "side_against_view": against_view,
        "side_against_description": side.notna() & words.notna() & (words != side),
        "sides_of_series": side.groupby(keys).transform("nunique"),
        "side_of_unpaired_part": side.notna() & unpaired & ~against_view & (of_view != side),
        "side_untold": part.isin(PAIRED) & ~catalog["laterality"].isin(["L", "R", "B"]),
    })  # fmt: skip


def laterality_rules() -> Iterator[Rule]:
    """The rules about sides: a contradiction sets a row aside, what is merely unusual or untold warns."""
    yield within("laterality_unknown_code", "laterality", LATERALITIES)
    yield within("laterality_contradicts_view", "side_against_view", (False,))
    yield within("laterality_contradicts_description", "side_against_description", (False,))
    yield between("laterality_differs_within_series", "sides_of_series", None, 1)
    yield within("laterality_of_unpaired_part", "side_of_unpaired_part", (False,), "warn")
    yield within("laterality_untold", "side_untold", (False,), "warn")


def _side_of_words(description: str | None) -> str | None:
    """The one side that words name; None where they name none or both."""
    words = set((description or "").upper().split())
    told = [side for side, word in (("L", "LEFT"), ("R", "RIGHT")) if word in words]
    return told[0] if len(told) == 1 else None
