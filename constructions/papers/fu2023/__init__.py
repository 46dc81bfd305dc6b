"""fu2023 (arXiv:2310.17086): the printed layers, statements and the compiled theorem."""
