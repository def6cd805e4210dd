"""From display values to what a network sees, and what can be said of a film without one."""
