"""params.yaml, typed and frozen: every knob that changes the science, read in one place."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from radloop.errors import ConfigurationError
from radloop.sections import Section
from radloop.sections.films import Calibrate, Prepare, Train
from radloop.sections.intake import Deidentify, Ingest
from radloop.sections.segmentation import Delineate, Planning, Resample, Segment
from radloop.sections.suites import Masks, Volumes

Share = float


class Accepts(Section):
    """What a model may be asked about."""

    modality: tuple[str, ...]
    body_part: tuple[str, ...]
    view: tuple[str, ...]
    photometric_interpretation: tuple[str, ...]
    bits_stored: tuple[int, int]
    smallest_side: int


class Task(Section):
    """One clinical question; `finding` is the one that is asked about, empty where the question is no finding."""

    title: str
    kind: Literal["classification", "segmentation"]
    finding: str = ""
    accepts: Accepts


class FindingTask(Task):
    """Is this finding there?"""

    kind: Literal["classification"]
    finding: str = Field(min_length=1)


class MaskTask(Task):
    """Where are these structures?

    `images`: the DICOM modalities of a case's images, the first being the one that masks are drawn on; `labels`: the
    number of each structure in a mask, from 1 up, with its name.
    """

    kind: Literal["segmentation"]
    images: tuple[str, ...] = Field(min_length=1)
    labels: dict[int, str] = Field(min_length=1)

    @field_validator("labels")
    @classmethod
    def _from_one(cls, labels: dict[int, str]) -> dict[int, str]:
        if sorted(labels) != list(range(1, len(labels) + 1)):
            raise ValueError("labels are not numbered 1, 2, 3 and so on")
        return dict(sorted(labels.items()))


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


class Package(Section):
    """ONNX export."""

    opset: int
    tolerance: float


class ClassifierPackage(Package):
    """`int8_margin`: AUROC that a copy in 8-bit integers may lose on validation, 0: no copy."""

    engine: Literal["onnxruntime", "openvino"] = "onnxruntime"
    int8_margin: Share = Field(default=0.0, ge=0, lt=1)


class Predict(Section):
    """Batching of held-out prediction."""

    batch_size: int


class Intervals(Section):
    """How sure a figure must be, and of whom it is asked.

    `age_bands` in years, lower bound included; fewer than `smallest_group` cases or patients give no figure.
    """

    confidence: Share
    comparison_confidence: Share
    smallest_group: int
    age_bands: tuple[float, ...]
    bootstrap: int = Field(ge=1000)
    seed: int


class Evaluate(Intervals):
    """The judgement of a classifier and its gate."""

    auroc_floor: Share
    baseline_margin: float
    largest_calibration_error: Share
    shortcut_warning: Share
    calibration_bins: int = Field(gt=1)
    svm_side: int = Field(gt=0)
    svm_rows: int = Field(gt=0)
    svm_costs: tuple[float, ...]


class EvaluateMasks(Intervals):
    """The judgement of a segmenter and its gate.

    `tolerance_mm`: a surface this near to the true one counts as the same; `dice_floor`: of the mean over structures
    and cases; `baseline_margin`: of Dice, by which the paired interval against the plain baseline must lie above 0.
    """

    tolerance_mm: float = Field(gt=0)
    dice_floor: Share
    baseline_margin: float


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


class UseCase(Section, ABC):
    """One clinical question with the verbs that every kind of it has."""

    name: str
    task: Task
    ingest: Ingest
    validate_: Validate = Field(alias="validate")
    split: Split
    register_: Register = Field(alias="register")

    @property
    @abstractmethod
    def intervals(self) -> Intervals:
        """How sure its figures must be."""

    def verb(self, work: str) -> str:
        """The verb that does this work for its kind: train, package, predict, evaluate, or any other as it is."""
        return work


class Classification(UseCase):
    """A question that one film answers with a probability."""

    task: FindingTask
    prepare: Prepare
    train: Train
    calibrate: Calibrate
    package: ClassifierPackage
    predict: Predict
    evaluate: Evaluate
    reference: Reference
    deploy: Deploy
    monitor: Monitor
    retrain: Retrain

    @property
    def intervals(self) -> Intervals:
        """How sure its figures must be."""
        return self.evaluate


class Segmentation(UseCase):
    """A question that a volume answers with a mask."""

    task: MaskTask
    plan: Planning
    resample: Resample
    segment: Segment
    export: Package
    delineate: Delineate
    overlap: EvaluateMasks

    @property
    def intervals(self) -> Intervals:
        """How sure its figures must be."""
        return self.overlap

    def verb(self, work: str) -> str:
        """The verb that does this work: a segmenter has its own for what a classifier does to probabilities."""
        return {"train": "segment", "package": "export", "predict": "delineate", "evaluate": "overlap"}.get(work, work)


KINDS: dict[str, type[UseCase]] = {"classification": Classification, "segmentation": Segmentation}


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
            return KINDS[self._raw[name]["task"]["kind"]](name=name, **self._raw[name])
        except (ValidationError, KeyError, TypeError) as error:
            raise ConfigurationError(f"params.yaml: {name} is malformed: {error}", "mend the key it names") from error

    def classification(self, name: str) -> Classification:
        """One use case that classifies.

        Raises ConfigurationError for another kind, and as `use_case` does.
        """
        found = self.use_case(name)
        if not isinstance(found, Classification):
            raise ConfigurationError(
                f"{name} is a {found.task.kind}; this is offered for classifications alone",
                f"train and evaluate it (`radloop run train {name}`)",
            )
        return found

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
