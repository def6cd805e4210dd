"""Detectors: each asks one kind of question of a window and its reference, and answers with findings.

`features` turns both into numbers per patient, `permutation` tests them all together at one false alarm rate,
`drift` says which moved and whether that matters, `effects` describes; `usable`, `performance` and `bias`
ask the rest.
"""
