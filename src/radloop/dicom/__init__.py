"""DICOM in and out: read bytes, take identity away, decode pixels, place them, write what was found on them.

pydicom's and highdicom's warnings quote the offending value, which may be a patient's name, so they are silenced here
for every process that reads DICOM through radloop; what is wrong is said by our own errors instead.
"""

from __future__ import annotations

import logging
import warnings

from pydicom import config

config.settings.reading_validation_mode = config.IGNORE
for _library in ("pydicom", "highdicom"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=rf"{_library}(\.|$)")
