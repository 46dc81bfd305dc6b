"""The folder of all pages: what leads where, the index, and what need not be made again."""
