"""Models that were trained: which algorithm their predictions follow, measured."""
