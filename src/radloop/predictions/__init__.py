"""The prediction log, and the only writer of it: who said what of which bytes, and what turned out to be true."""

from radloop.predictions.labels import LabelReport, enough_new_labels, new_labelled, read_label_file
from radloop.predictions.log import PredictionLog
from radloop.predictions.segments import Segment

__all__ = ["LabelReport", "PredictionLog", "Segment", "enough_new_labels", "new_labelled", "read_label_file"]
