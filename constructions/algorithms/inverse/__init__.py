"""Iterations towards the inverse of X^T X, which square or cube what is left of the error."""
