"""Calibrate: probabilities, threshold and the logged embedding, from validation; the prevalence from train too."""

from __future__ import annotations

from pathlib import Path

from safetensors.numpy import load_file

from radloop.errors import ConfigurationError
from radloop.files import replacing, write_bytes, write_json
from radloop.imaging.embeddings import principal_components
from radloop.modeling.calibrate import calibrate
from radloop.modeling.prepared import open_prepared
from radloop.params import Classification, Paths


def run(case: Classification, paths: Paths) -> None:
    """Fit temperature, offset and threshold, and the projection of embeddings.

    Writes calibration.json and projection.safetensors (mean [d], components [k, d]).
    Raises ConfigurationError where train has left nothing to calibrate.
    """
    from safetensors.numpy import save

    source = paths.stage(case.name, "train") / "validation.safetensors"
    if not source.exists():
        raise ConfigurationError(f"no validation answers in {source.parent}", "run the train stage first")
    seen = load_file(source)
    rules = case.calibrate
    prevalence = known_prevalence(paths.stage(case.name, "prepare"))
    fitted = calibrate(seen["logit"], seen["label"], rules.rule, rules.sensitivity, prevalence)
    decided = fitted.decide(fitted.score(seen["logit"]))
    positive = seen["label"].astype(bool)
    mean, components = principal_components(seen["embedding"], rules.projection)
    with replacing(paths.stage(case.name, "calibrate")) as folder:
        write_bytes(folder / "projection.safetensors", save({"mean": mean, "components": components}))
        write_json(folder / "calibration.json", {
            **fitted.to_json(),
            "rule": rules.rule,
            "prevalence": prevalence,
            "fitted_on": {"split": "validation", "images": len(positive), "positives": int(positive.sum())},
            "validation_sensitivity": float(decided[positive].mean()),
            "validation_specificity": float(1.0 - decided[~positive].mean()),
        })  # fmt: skip


def known_prevalence(prepared: Path) -> float:
    """Share of positives among all labelled images of train and validation: validation alone tells it less surely."""
    index = open_prepared(prepared)[1]
    known = index[index["split"].isin(["train", "validation"]) & index["label"].notna()]
    return float(known["label"].astype(bool).mean())
