"""The claims of our own constructions."""
