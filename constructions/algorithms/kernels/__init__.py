"""Functions that are not linear in x: steps with a kernel, or on features."""
