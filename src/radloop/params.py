"""params.yaml, typed and frozen: every knob that changes the science, read in one place."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from radloop.errors import ConfigurationError
from radloop.sections import Masks, Section, Volumes

Share = float


class Deidentify(Section):
    """What the removal of identity keeps and cleans: PS3.15 Annex E, the Basic Profile with these options.

    `dates` are shifted, kept or removed. Text in pixels is cleaned, or what may hold it is quarantined or kept as it
    is; faces are quarantined or kept.
    """

    retain_patient_characteristics: bool = True
    retain_device_identity: bool = True
    retain_institution_identity: bool = False
    retain_uids: bool = False
    retain_safe_private: bool = False
    dates: Literal["shifted", "kept", "removed"] = "shifted"
    clean_descriptors: bool = True
    clean_structured_content: bool = False
    clean_graphics: bool = False
    clean_pixel_data: Literal["clean", "quarantine", "keep"] = "quarantine"
    clean_recognizable_visual_features: Literal["quarantine", "keep"] = "quarantine"
    largest_decoded_mib: dict[str, float] = Field(
        default={"default": 512, "MG": 4096, "CT": 4096, "MR": 4096, "PT": 4096}
    )


class Accepts(Section):
    """What a model may be asked about."""

    modality: tuple[str, ...]
    body_part: tuple[str, ...]
    view: tuple[str, ...]
    photometric_interpretation: tuple[str, ...]
    bits_stored: tuple[int, int]
    smallest_side: int


class Task(Section):
    """One clinical question."""

    title: str
    kind: Literal["classification"]
    finding: str
    accepts: Accepts


class Choice(Section):
    """What is taken: one of `include`, anything where that is empty, and never one of `exclude`."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


Orientation = Literal["axial", "coronal", "sagittal", "oblique"]


class Orientations(Section):
    """A `Choice` of how planes lie, so that a misspelt one is an error and not an empty snapshot."""

    include: tuple[Orientation, ...] = ()
    exclude: tuple[Orientation, ...] = ()


class Select(Section):
    """Which series are taken, all by default; `slice_thickness` is the lowest and the highest in mm, or empty."""

    modality: Choice = Choice()
    body_part: Choice = Choice()
    description: Choice = Choice()
    orientation: Orientations = Orientations()
    kernel: Choice = Choice()
    slice_thickness: tuple[float, float] | tuple[()] = ()

    @field_validator("slice_thickness")
    @classmethod
    def _ascending(cls, bounds: tuple[float, ...]) -> tuple[float, ...]:
        if bounds and not 0 <= bounds[0] <= bounds[1]:
            raise ValueError("slice_thickness is not the lowest and then the highest in mm")
        return bounds


class Ingest(Section):
    """Where studies come from by default, and which of their series are taken."""

    source: str
    studies: int = Field(gt=0)
    seed: int
    select: Select = Select()


class Warn(Section):
    """Bounds beyond which validate tells and does nothing: see `imaging.quality`; `tilt` in degrees, either way."""

    motion: float
    tilt: float
    turned: float
    saturated: Share
    collimated: Share
    site_difference: Share


class Validate(Section):
    """Bounds that accepted rows keep; `warn`: those that are told only, None where a modality has none."""

    age: tuple[float, float]
    sex: tuple[str, ...]
    view: tuple[str, ...]
    modality: tuple[str, ...]
    kvp: tuple[float, float]
    pixel_spacing: tuple[float, float]
    prevalence: tuple[Share, Share]
    smallest_rows: int
    largest_quarantine: Share
    constant_below: float
    noise_below: Share
    saturated_above: Share
    inverted_above: float
    smallest_side: int
    shortcut_warning: Share = 0.70
    volumes: Volumes = Volumes()
    masks: Masks = Masks()
    warn: Warn | None = None


class Split(Section):
    """How patients are dealt: `by` says what the test is asked of, unseen patients, unseen sites or newer batches.

    `test_sites` names the sites that are test where `by` is site; empty leaves it to a keyed hash of the site.
    """

    by: Literal["patient", "site", "time"] = "patient"
    test_sites: tuple[str, ...] = ()
    salt: str
    validation: Share
    test: Share
    near_duplicate_distance: int
    near_duplicate_correlation: Share
    largest_imbalance: Share


class Prepare(Section):
    """The one preprocess: `size` in pixels, `low` and `high` in percentiles."""

    size: int
    low: float
    high: float


class Augment(Section):
    """Ranges of the random changes of a training batch; `rotate` in degrees, the rest as shares."""

    rotate: float
    translate: Share
    scale: Share
    brightness: float
    contrast: float
    noise: float
    flip: bool


class Train(Section):
    """Network and optimisation."""

    network: str
    conv1_stride: int
    filters: int = Field(gt=0)
    epochs: int = Field(gt=0)
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    class_weighting: bool
    average_decay: Share
    small_size: int
    small_epochs: int
    augment: Augment
    seed: int


class Calibrate(Section):
    """Threshold rule and the size of the logged embedding."""

    rule: Literal["youden", "sensitivity"]
    sensitivity: Share
    projection: int


class Package(Section):
    """ONNX export; `int8_margin`: AUROC that a copy in 8-bit integers may lose on validation, 0: no copy."""

    opset: int
    tolerance: float
    engine: Literal["onnxruntime", "openvino"] = "onnxruntime"
    int8_margin: Share = Field(default=0.0, ge=0, lt=1)


class Predict(Section):
    """Batching of held-out prediction."""

    batch_size: int


class Evaluate(Section):
    """Intervals, subgroups and the gate."""

    confidence: Share
    comparison_confidence: Share
    smallest_group: int
    age_bands: tuple[float, ...]
    auroc_floor: Share
    baseline_margin: float
    largest_calibration_error: Share
    shortcut_warning: Share
    calibration_bins: int = Field(gt=1)
    bootstrap: int = Field(ge=1000)
    svm_side: int = Field(gt=0)
    svm_rows: int = Field(gt=0)
    svm_costs: tuple[float, ...]
    seed: int


class Reference(Section):
    """Size of the monitoring reference."""

    rows: int = Field(gt=0)
    seed: int


class Register(Section):
    """What a candidate must meet to become champion."""

    approvals: Literal[0, 1, 2]
    champion_margin: Share


class Deploy(Section):
    """The smoke set against a new version."""

    smoke_cases: int = Field(gt=0)
    smoke_tolerance: Share
    largest_latency_ms: float = Field(gt=0)


class Monitor(Section):
    """Sampling, alarm rate, sizes of change that matter, and limits of action."""

    sample: int = Field(gt=0)
    smallest_window: int
    false_alarm_rate: Share = Field(gt=0, lt=1)
    permutations: int = Field(ge=100)
    smallest_share_change: Share
    smallest_shift: float
    smallest_drop: Share
    bias_gap: Share
    performance_floor: Share
    unusable_share: Share


class Retrain(Section):
    """When a retrain is allowed."""

    smallest_new_labels: int
    cooling_off_hours: float


class UseCase(Section):
    """One clinical question with all its verbs."""

    name: str
    task: Task
    ingest: Ingest
    validate_: Validate = Field(alias="validate")
    split: Split
    prepare: Prepare
    train: Train
    calibrate: Calibrate
    package: Package
    predict: Predict
    evaluate: Evaluate
    reference: Reference
    register_: Register = Field(alias="register")
    deploy: Deploy
    monitor: Monitor
    retrain: Retrain


class Paths(Section):
    """Where things lie below the workspace; written once, in params.yaml."""

    data: Path
    out: Path

    def snapshot(self, use_case: str) -> Path:
        """The DVC-tracked folder of one use case."""
        return self.data / use_case

    def stage(self, use_case: str, verb: str) -> Path:
        """What one stage writes for one use case."""
        return self.out / use_case / verb

    def gate(self, use_case: str, verb: str) -> Path:
        """The gate of one stage."""
        return self.stage(use_case, verb) / "gate.json"

    def outcome(self, use_case: str, verb: str) -> Path:
        """Why a stage failed; outside DVC's outs, because DVC loses exit codes."""
        return self.out / use_case / "outcomes" / f"{verb}.json"

    def live(self, use_case: str) -> Path:
        """Checkpoints and the growing metrics of a training; no outs, because DVC deletes those first."""
        return self.out / use_case / "live"


class Params:
    """All of params.yaml."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self._raw = raw
        self.paths = Paths(**raw["paths"])
        self.chains: dict[str, list[str]] = raw["chains"]
        self.deidentify = Deidentify(**raw.get("deidentify", {}))

    @classmethod
    def load(cls, folder: Path | None = None) -> Params:
        """Read params.yaml of `folder` (default: the current one).

        Raises ConfigurationError where it is missing or malformed.
        """
        path = (folder or Path.cwd()) / "params.yaml"
        try:
            raw = yaml.safe_load(path.read_text())
            return cls(raw)
        except FileNotFoundError as error:
            raise ConfigurationError(f"no params.yaml in {path.parent}", "run inside a radloop checkout") from error
        except (yaml.YAMLError, KeyError, TypeError, ValidationError) as error:
            raise ConfigurationError(f"params.yaml cannot be read: {error}", "mend the line it names") from error

    @cached_property
    def use_cases(self) -> tuple[str, ...]:
        """Names of all use cases, the default one first."""
        return tuple(name for name in self._raw if name not in ("paths", "chains", "deidentify"))

    def use_case(self, name: str) -> UseCase:
        """One use case with all its verbs.

        Raises ConfigurationError for an unknown name or a malformed section.
        """
        if name not in self.use_cases:
            raise ConfigurationError(
                f"unknown use case {name!r}; known: {', '.join(self.use_cases)}",
                "choose one of these or add a section to params.yaml",
            )
        try:
            return UseCase(name=name, **self._raw[name])
        except ValidationError as error:
            raise ConfigurationError(f"params.yaml: {name} is malformed: {error}", "mend the key it names") from error

    def verbs(self, name: str) -> list[str]:
        """The stages that a use case runs, in order."""
        return [verb for verb, cases in self.chains.items() if name in cases]


def override(path: Path, changes: dict[str, Any]) -> None:
    """Write dotted `changes` into a params.yaml, keeping its comments, so that a run's knobs are in its commit.

    Raises ConfigurationError for a key that is not there.
    """
    from ruamel.yaml import YAML  # slow to import, and only this function needs comments kept

    reader = YAML()
    reader.preserve_quotes = True
    document = reader.load(path.read_text())
    for dotted, value in changes.items():
        *parents, leaf = dotted.split(".")
        section = document
        for parent in parents:
            section = section.get(parent, {})
        if leaf not in section:
            raise ConfigurationError(f"params.yaml has no knob {dotted!r}", "look the name up in params.yaml")
        section[leaf] = value
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w") as stream:
        reader.dump(document, stream)
    temporary.replace(path)
