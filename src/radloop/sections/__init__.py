"""What every section of params.yaml is; the larger groups of sections have a module each."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A sub-section of params.yaml; an unknown key is an error, for a misspelt knob must not be silent."""

    model_config = ConfigDict(frozen=True, extra="forbid")
