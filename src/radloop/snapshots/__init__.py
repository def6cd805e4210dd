"""The versions of a data set: which there are, what changed between two, and one study of any of them back."""
