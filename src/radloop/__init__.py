"""radloop closes the loop of AI-assisted radiology: study, snapshot, model, prediction, verdict, and back."""

__version__ = "0.1.0"
