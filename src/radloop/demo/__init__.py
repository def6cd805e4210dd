"""The demonstration's cast: what is ingested, and the months of production that follow, told before they happen."""
