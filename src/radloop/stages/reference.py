"""Keep what the model saw and said when it was judged, for monitoring to compare with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from radloop.evaluation.cases import labelled
from radloop.files import replacing, write_json
from radloop.params import Classification, Paths

#: Each keeps its share in the sample.
STRATA = ("label", "site", "manufacturer", "acquisition_group")


def run(case: Classification, paths: Paths) -> None:
    """Write reference.parquet (labelled test predictions, at most `rows`) and reference.json."""
    held_out = pd.read_parquet(paths.stage(case.name, "predict") / "predictions.parquet")
    judged = labelled(held_out, "test")
    kept = stratified(judged, case.reference.rows, case.reference.seed)
    note = {
        "rows": len(kept),
        "judged": len(judged),
        "bundle": (paths.stage(case.name, "package") / "bundle.sha256").read_text().strip(),
        "snapshot": snapshot_md5(paths.snapshot(case.name)),
        "columns": list(kept.columns),
        "prevalence": float(kept["label"].mean()) if len(kept) else None,
        "strata": list(STRATA),
        "seed": case.reference.seed,
    }
    with replacing(paths.stage(case.name, "reference")) as folder:
        kept.to_parquet(folder / "reference.parquet", index=False)
        write_json(folder / "reference.json", note)


def stratified(table: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    """At most `rows` rows, every stratum with its share, in their order.

    Rows are shuffled, laid out stratum by stratum and taken at even steps: no stratum is off by more than one.
    """
    if len(table) <= rows:
        return table
    shuffled = table.iloc[np.random.default_rng(seed).permutation(len(table))]
    strata = [name for name in STRATA if name in shuffled]
    keys = shuffled[strata].astype(object).where(shuffled[strata].notna(), "").astype(str).agg("\x1f".join, axis=1)
    laid_out = shuffled.iloc[np.argsort(keys.to_numpy(), kind="stable")]
    taken = np.floor((np.arange(rows) + 0.5) * len(table) / rows).astype(int)
    return laid_out.iloc[taken].sort_index()


def snapshot_md5(snapshot: Path) -> str | None:
    """DVC's md5 of the snapshot, or None where it is not versioned."""
    pointer = snapshot.with_name(f"{snapshot.name}.dvc")
    if not pointer.exists():
        return None
    outs = yaml.safe_load(pointer.read_text()).get("outs") or [{}]
    md5 = outs[0].get("md5")
    return None if md5 is None else str(md5)
