"""One construction a file, found by its name; a folder for each idea of how it is done."""
