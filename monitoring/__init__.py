"""Watches a model in production: drift, performance and bias of a window of predictions, and a verdict.

Evidently lives in `reports/` and nowhere else. `looks` tells the story, `columns` says what is watched,
`detectors` ask, `verdict` holds the rules, `reports` write the pages.
"""

from monitoring.looks import Look, MonitorReport, look, monitor
from monitoring.windows import Window

__all__ = ["Look", "MonitorReport", "Window", "look", "monitor"]
