"""One construction a file, found by its name."""
