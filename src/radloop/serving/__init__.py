"""Answers: one study at a time over HTTP, a folder of them in batches, by the same code."""
