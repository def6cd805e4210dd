"""Features of regions of interest, to the standard of the Image Biomarker Standardisation Initiative (IBSI-1)."""

from radloop.radiomics.extract import RoiFeatures, extract
from radloop.radiomics.knobs import Discretise, Resample, Resegment, RoiSettings, VolumeHistogram
from radloop.radiomics.names import Feature, feature, features

__all__ = [
    "Discretise", "Feature", "Resample", "Resegment", "RoiFeatures", "RoiSettings", "VolumeHistogram", "extract",
    "feature", "features",
]  # fmt: skip
