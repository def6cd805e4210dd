"""Segmentation: a fingerprint of the data, the plan made from it, networks, losses, whole volumes, and measures."""
