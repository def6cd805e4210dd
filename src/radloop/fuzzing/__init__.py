"""Proof against bad input: named kinds of bad file, mutations of good ones, and what must hold for each."""
