"""The names of every metric, parameter, tag and alias in MLflow: fixed once, because runs are compared by name."""

from __future__ import annotations

from radloop.evaluation.names import SCALARS

# aliases of a model version
CANDIDATE = "candidate"
CHAMPION = "champion"

#: From a line of metrics.jsonl to the curve of a run; `step` is their x-axis.
CURVES = {
    "epoch": "train/epoch",
    "train_loss": "train/loss",
    "learning_rate": "train/learning_rate",
    "seconds": "train/seconds",
    "images_per_second": "train/images_per_second",
    "validation_auroc": "validation/auroc",
    "validation_loss": "validation/loss",
    "validation_dice": "validation/dice",
}

#: Figures on held-out patients, in a run and on its model.
TEST_METRICS = {scalar: f"test/{scalar}" for scalar in SCALARS}

#: What MLflow calls the machine's own figures.
SYSTEM = "system/"

#: Sections of params.yaml that made the model; `train.learning_rate` is such a parameter.
PARAM_SECTIONS = (
    "task",
    "ingest",
    "validate",
    "split",
    "plan",
    "resample",
    "segment",
    "export",
    "delineate",
    "overlap",
    "prepare",
    "train",
    "calibrate",
    "package",
    "predict",
    "evaluate",
    "reference",
)

# tags of a run: what it is
USE_CASE = "radloop.use_case"
WORKSPACE = "radloop.workspace"  # which clone trains it, so that a restart finds its own unfinished run
LOCK = "radloop.dvc_lock"  # hash of this use case's part of dvc.lock: equal means that nothing had to run
BUNDLE = "radloop.bundle"
DATASET = "radloop.dataset_md5"
TEST_SET = "radloop.test_set_sha256"
GATE = "radloop.gate"  # open or closed
SIMULATED = "radloop.simulated"  # true where the images are invented: the figures say nothing of real patients
GATE_FAILED = "radloop.gate_failed"
SAME_AS = "radloop.same_as"  # the run that this one repeated to the byte

# tags of a run: where it came from and what came of it
DVC_COMMIT = "radloop.dvc_commit"
OUTER_COMMIT = "radloop.project_commit"
OUTER_DIRTY = "radloop.project_dirty"
FLOW_RUN = "radloop.flow_run"
FLOW_URL = "radloop.flow_url"
DATA_DOCS = "radloop.data_docs"
MONITOR_REPORT = "radloop.monitor_report"
LATER_FLOW_RUNS = "radloop.later_flow_runs"  # flow runs that found nothing to train and link here

#: What `link` may set and `links` gives back.
LINKS = (DVC_COMMIT, OUTER_COMMIT, FLOW_RUN, FLOW_URL, LATER_FLOW_RUNS, DATA_DOCS, MONITOR_REPORT)

# tags of a model version
RUN = "radloop.run"
PROMOTION = "radloop.promotion"  # the checks that it passed, as JSON
LEDGER_MARK = "radloop.ledger"  # state of the ledger when it became champion: a witness outside the ledger

# MLflow's own
NOTE = "mlflow.note.content"
SOURCE_COMMIT = "mlflow.source.git.commit"
SOURCE_NAME = "mlflow.source.name"
USER = "mlflow.user"
MODEL_VERSIONS = "mlflow.modelVersions"  # on a logged model: where its own page finds the versions
DATASET_CONTEXT = "mlflow.data.context"
