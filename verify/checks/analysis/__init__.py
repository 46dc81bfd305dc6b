"""Statements beyond equality: optima, rates, limits, and weights for every epsilon."""
