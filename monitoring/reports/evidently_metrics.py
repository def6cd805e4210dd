"""Evidently metrics of our own: exact numbers from our sketches, and distances that describe but never judge.

Evidently's presets say "drift detected" from tests at 5 % per column, without regard to their number, the
patients behind the images or the size of the change; these say what our own verdict rests on instead.
"""

from __future__ import annotations

from typing import Any, List, Optional  # noqa: UP035 (Evidently reads annotations with pydantic 1)

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from evidently.core.metric_types import SingleValue, SingleValueCalculation, SingleValueMetric
from evidently.legacy.renderers.html_widgets import WidgetSize, plotly_figure, table_data, text_widget
from evidently.metrics.column_statistics import ValueDrift, ValueDriftCalculation

from monitoring.reports.figures import REFERENCE, WINDOW

#: Pixels that Evidently keeps free for a figure; less leaves a gap under it.
_HEIGHT = 400


class Statement(SingleValueMetric):  # type: ignore[misc]
    """A text in Markdown; its value is the number of images that it speaks of."""

    heading: str
    text: str
    images: int


class StatementCalculation(SingleValueCalculation[Statement]):  # type: ignore[misc]
    """Shows the text."""

    def calculate(self, context: Any, current_data: Any, reference_data: Any) -> SingleValue:
        """Return the number of images, with the text as widget."""
        result = self.result(self.metric.images)
        result.widget = [text_widget(title=self.metric.heading, text=self.metric.text)]
        return result

    def display_name(self) -> str:
        """Name of the metric."""
        return str(self.metric.heading)


class ExactTable(SingleValueMetric):  # type: ignore[misc]
    """Exact numbers from the sketches of all rows, as text cells; its value is the number of alarms in it."""

    heading: str
    head: List[str]  # noqa: UP006
    rows: List[List[str]]  # noqa: UP006
    alarms: int


class ExactTableCalculation(SingleValueCalculation[ExactTable]):  # type: ignore[misc]
    """Shows the table."""

    def calculate(self, context: Any, current_data: Any, reference_data: Any) -> SingleValue:
        """Return the number of alarms, with the table as widget."""
        result = self.result(self.metric.alarms)
        result.widget = [table_data(title=self.metric.heading, column_names=self.metric.head, data=self.metric.rows)]
        return result

    def display_name(self) -> str:
        """Name of the metric."""
        return str(self.metric.heading)


class Forest(SingleValueMetric):  # type: ignore[misc]
    """Intervals of groups; its value is the number of groups shown."""

    heading: str
    names: List[str]  # noqa: UP006
    values: List[float]  # noqa: UP006
    lows: List[float]  # noqa: UP006
    highs: List[float]  # noqa: UP006


class ForestCalculation(SingleValueCalculation[Forest]):  # type: ignore[misc]
    """Draws the intervals."""

    def calculate(self, context: Any, current_data: Any, reference_data: Any) -> SingleValue:
        """Return the number of groups, with the figure as widget."""
        m = self.metric
        value, low, high = (np.asarray(x, dtype=float) for x in (m.values, m.lows, m.highs))
        bars = {"type": "data", "symmetric": False, "array": high - value, "arrayminus": value - low, "color": WINDOW}
        dots = go.Scatter(x=value, y=m.names, error_x=bars, mode="markers", marker={"color": WINDOW, "size": 9})
        figure = _framed(go.Figure(dots), max(_HEIGHT, 90 + 26 * len(m.names)))
        figure.update_layout(xaxis={"range": [0, 1]}, yaxis={"autorange": "reversed", "automargin": True})
        result = self.result(len(m.names))
        result.widget = [plotly_figure(title=m.heading, figure=figure, size=WidgetSize.HALF)]
        return result

    def display_name(self) -> str:
        """Name of the metric."""
        return str(self.metric.heading)


class SampledDrift(ValueDrift):  # type: ignore[misc]
    """Evidently's own distance of one column on the sample, with both distributions; nobody alarms on it.

    `edges` are the bins of a number; bins below `smallest` images are left out of the picture.
    """

    heading: str
    edges: Optional[List[float]] = None  # noqa: UP006, UP045
    smallest: int = 1


class SampledDriftCalculation(SingleValueCalculation[SampledDrift]):  # type: ignore[misc]
    """Computes the distance by Evidently and draws the distributions."""

    def calculate(self, context: Any, current_data: Any, reference_data: Any) -> SingleValue:
        """Return Evidently's drift score, with the distributions as widget."""
        column = self.metric.column
        inner = ValueDriftCalculation(self._metric_id, self.metric).calculate(context, current_data, reference_data)
        window, reference = (data.column(column).data for data in (current_data, reference_data))
        figure = _bins(self.metric, reference, window) if self.metric.edges else _bars(self.metric, reference, window)
        what = "Wasserstein, in standard deviations" if self.metric.edges else "Jensen-Shannon"
        result = self.result(inner.value)
        title = f"{self.metric.heading} · {what}: {inner.value:.3f}"
        result.widget = [plotly_figure(title=title, figure=_framed(figure, _HEIGHT), size=WidgetSize.HALF)]
        return result

    def display_name(self) -> str:
        """Name of the metric."""
        return f"{self.metric.heading}, distance on the sample"


def _bins(metric: SampledDrift, reference: pd.Series[Any], window: pd.Series[Any]) -> go.Figure:
    edges = np.asarray(metric.edges)
    figure = go.Figure()
    for name, values, colour in (("reference", reference, REFERENCE), ("window", window, WINDOW)):
        counts = np.histogram(values.dropna().to_numpy(dtype=float), edges)[0].astype(float)
        counts[counts < metric.smallest] = 0
        share = 100 * counts / max(int(values.notna().sum()), 1)
        centre, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
        figure.add_bar(x=centre, y=share, width=width, name=name, marker_color=colour, opacity=0.62)
    return figure.update_layout(barmode="overlay", yaxis_title="% of images")


def _bars(metric: SampledDrift, reference: pd.Series[Any], window: pd.Series[Any]) -> go.Figure:
    figure = go.Figure()
    for name, values, colour in (("reference", reference, REFERENCE), ("window", window, WINDOW)):
        counts = values.value_counts()
        counts = counts[counts >= metric.smallest].head(12)
        share = 100 * counts / max(len(values), 1)
        figure.add_bar(x=[str(v) for v in share.index], y=share.to_numpy(), name=name, marker_color=colour)
    return figure.update_layout(barmode="group", yaxis_title="% of images", xaxis={"type": "category"})


def _framed(figure: go.Figure, height: int) -> go.Figure:
    return figure.update_layout(
        template="plotly_white", height=height, margin={"l": 50, "r": 16, "t": 16, "b": 40},
        legend={"orientation": "h", "y": 1.12, "x": 0},
    )  # fmt: skip
