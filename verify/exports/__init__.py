"""Exported witnesses: a bound on their error that is proved, their cards, and their check."""
