"""Which suite judges which row of a catalog: films one by one, series of CT, MR and PET as a whole, masks by region."""

from __future__ import annotations

import pandas as pd

from radloop.nifti import CONTENT_TYPE

#: DICOM modalities whose images are slices of a volume, with the names of their suites (PS3.3 C.7.3.1.1.1).
VOLUMETRIC = {"CT": "ct", "MR": "mr", "PT": "pt"}
#: The suite of volumes that tell no modality.
UNTOLD = "volumes"
FILMS, ULTRASOUND, MASKS = "films", "ultrasound", "masks"
#: The suite of what every image's row tells, whatever its modality.
ROWS = "rows"
SERIES_SUITES = (*VOLUMETRIC.values(), UNTOLD)


def suite_of(catalog: pd.DataFrame) -> pd.Series:
    """The name of the suite that judges each row's pixels, by its role, its file and its modality.

    A picture that is no DICOM object and no NIfTI is a film, whatever made it: it tells no place in a patient.
    """
    modality, content = catalog["modality"], catalog["content_type"]
    suites = pd.Series(FILMS, index=catalog.index, dtype=object)
    suites[modality == "US"] = ULTRASOUND
    dicom = content == "application/dicom"
    for code, name in VOLUMETRIC.items():
        suites[(modality == code) & (dicom | (content == CONTENT_TYPE))] = name
    suites[(content == CONTENT_TYPE) & ~modality.isin(list(VOLUMETRIC))] = UNTOLD
    suites[catalog["role"] == "mask"] = MASKS
    return suites
