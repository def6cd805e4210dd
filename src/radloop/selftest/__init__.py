"""Proof of de-identification: identities are planted, an answer key says what must become of each, and it is scored.

In the style of TCIA's MIDI-B benchmark: the score is the share of required actions that were rightly done.
"""
