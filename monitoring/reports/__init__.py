"""The pages of a look: a summary that people open first, Evidently's drift and bias pages, and the index."""
