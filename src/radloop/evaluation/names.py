"""The names of every figure that an evaluation reports: fixed once, because histories are compared by name."""

from __future__ import annotations

#: Figures with an interval, in the order in which people read them.
MEASURES = (
    "auroc",
    "auprc",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "brier",
    "calibration_error",
    "calibration_slope",
    "calibration_intercept",
)

#: What each measure is called in a report.
TITLES = {
    "auroc": "AUROC",
    "auprc": "AUPRC (average precision)",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
    "brier": "Brier score",
    "calibration_error": "Calibration error (ECE)",
    "calibration_slope": "Calibration slope",
    "calibration_intercept": "Calibration in the large",
}

#: What a model is compared with on the same cases.
BASELINES = ("metadata", "svm")

#: What each baseline is called in a report.
BASELINE_TITLES = {"metadata": "Metadata alone", "svm": "Support-vector machine on small pictures"}

#: How subgroups are cut; `acquisition_group` stands in where no manufacturer is told.
ATTRIBUTES = ("sex", "age_band", "view", "site", "manufacturer", "acquisition_group")

#: What each attribute is called in a report.
ATTRIBUTE_TITLES = {
    "sex": "Sex",
    "age_band": "Age (years)",
    "view": "View",
    "site": "Site",
    "manufacturer": "Manufacturer",
    "acquisition_group": "Acquisition group (proxy for the scanner)",
}

#: The value of an attribute that nobody told, and of one whose groups are too small to show one by one.
UNKNOWN = "unknown"
OTHER = "other"

#: What a subgroup is measured by.
SUBGROUP_MEASURES = ("auroc", "sensitivity", "specificity")

#: What gaps between a subgroup and the rest are measured by.
GAP_MEASURES = ("sensitivity", "specificity")

COUNTS = ("n", "positives", "patients", "unlabelled")
CONFUSION = ("true_positives", "false_negatives", "false_positives", "true_negatives")
BOUNDS = ("", "_low", "_high")

#: Figures of masks: means over structures and cases.
OVERLAP_MEASURES = ("dice", "surface_dice", "hausdorff_95_mm", "volume_error_ml")
#: Structures of a segmenter whose Dice has a name of its own.
STRUCTURES = 16

#: Every key that `scalars` of metrics.json may hold; an unknown figure is absent, never zero.
SCALARS = (
    *COUNTS,
    "prevalence",
    "threshold",
    *CONFUSION,
    *(f"{measure}{bound}" for measure in MEASURES for bound in BOUNDS),
    *(f"validation_auroc{bound}" for bound in BOUNDS),
    *(f"{baseline}_auroc{bound}" for baseline in BASELINES for bound in BOUNDS),
    *(f"difference_{baseline}{bound}" for baseline in BASELINES for bound in BOUNDS),
    *(f"largest_{measure}_gap" for measure in GAP_MEASURES),
    *(f"{measure}{bound}" for measure in OVERLAP_MEASURES for bound in BOUNDS),
    *(f"dice_{number}{bound}" for number in range(1, STRUCTURES + 1) for bound in BOUNDS),
    *(f"difference_atlas{bound}" for bound in BOUNDS),
    "warnings",
    "gate_open",
)
