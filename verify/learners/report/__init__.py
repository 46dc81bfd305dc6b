"""What was measured of a model: run, in words, as data, as a page."""
