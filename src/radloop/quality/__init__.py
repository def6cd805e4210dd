"""Judging data before it may teach: rules for rows and pixels, duplicates, and a split that leaks no patient."""
