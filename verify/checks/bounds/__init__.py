"""Bounds for every input of a box: balls, compiled operations and chains of them."""
