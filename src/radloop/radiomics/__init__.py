"""Features of regions of interest, to the standard of the Image Biomarker Standardisation Initiative (IBSI-1)."""
