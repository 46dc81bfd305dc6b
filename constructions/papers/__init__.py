"""What the papers print, symbol for symbol: one module per paper.

The weights here are transcribed, not derived. Where a printed symbol turned out wrong, the
function takes `printed=False` for the smallest repair and its docstring names the symbol.
"""
