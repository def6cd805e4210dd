"""What several commands ask for in the same words."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_CASE = "chest_pneumonia"
UseCase = Annotated[str, typer.Argument(help="A section of params.yaml.")]
