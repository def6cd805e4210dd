"""The keep-list: every attribute that survives de-identification; whatever is not named here is dropped.

Chosen so that an image can be shown, measured and stratified. Patient characteristics (sex, age, size, weight),
device model and dates stay (PS3.15 options Retain Patient Characteristics, Retain Device Identity without
serial numbers, Retain Longitudinal with Full Dates). Ages above 89 are not capped. No free text is kept
but for what names a device.
"""

from __future__ import annotations

#: Replaced by keyed pseudonyms, so that studies and series still hang together.
REMAPPED = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")

#: Type 2 attributes of the common modules: they must be there and may be empty (PS3.3).
EMPTIED = ("PatientBirthDate", "AccessionNumber", "ReferringPhysicianName", "StudyID", "StudyTime")

#: Look-up tables change what is seen, so their items are kept, each by this list of its own.
TABLES = ("ModalityLUTSequence", "VOILUTSequence")

_STUDY = ("StudyDate", "AcquisitionDate", "Modality", "SeriesNumber", "AcquisitionNumber", "InstanceNumber")

_PATIENT = ("PatientSex", "PatientSize", "PatientWeight", "PatientPosition", "PatientOrientation")

_DEVICE = ("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "ConvolutionKernel", "DetectorType")

_EXPOSURE = (
    "KVP", "Exposure", "ExposureInuAs", "ExposureTime", "XRayTubeCurrent", "ExposureIndex", "TargetExposureIndex",
    "DeviationIndex", "RelativeXRayExposure", "DistanceSourceToDetector", "DistanceSourceToPatient", "FocalSpots",
    "Grid", "FilterType", "ScanOptions", "GantryDetectorTilt",
)  # fmt: skip

_RESONANCE = (
    "ScanningSequence", "SequenceVariant", "MRAcquisitionType", "RepetitionTime", "EchoTime", "InversionTime",
    "FlipAngle", "EchoTrainLength", "MagneticFieldStrength", "EchoNumbers", "DiffusionBValue",
    "TemporalPositionIdentifier",
)  # fmt: skip

_EMISSION = (
    "Units", "CorrectedImage", "DecayCorrection", "CountsSource", "ActualFrameDuration", "DecayFactor", "SUVType",
    "NumberOfSlices",
)  # fmt: skip

_GEOMETRY = (
    "BodyPartExamined", "ViewPosition", "Laterality", "ImageLaterality", "PixelSpacing", "ImagerPixelSpacing",
    "PixelAspectRatio", "SliceThickness", "SpacingBetweenSlices", "SliceLocation", "ImagePositionPatient",
    "ImageOrientationPatient",
)  # fmt: skip

_DISPLAY = (
    "ImageType", "PresentationIntentType", "PixelIntensityRelationship", "PixelIntensityRelationshipSign",
    "PresentationLUTShape", "RescaleIntercept", "RescaleSlope", "RescaleType", "WindowCenter", "WindowWidth",
    "VOILUTFunction", "BurnedInAnnotation", "QualityControlImage", "LossyImageCompression",
    "LossyImageCompressionRatio", "LossyImageCompressionMethod",
)  # fmt: skip

_PIXELS = ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")

#: Kept as they are (PatientAge apart: it is spelt anew), if their value has the form that the dictionary asks for.
KEPT = _STUDY + _PATIENT + _DEVICE + _EXPOSURE + _RESONANCE + _EMISSION + _GEOMETRY + _DISPLAY + _PIXELS
