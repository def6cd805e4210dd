"""Commands that have a file of their own; `radloop.cli` puts them together."""
