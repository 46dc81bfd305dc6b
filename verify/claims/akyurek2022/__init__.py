"""The statements of akyurek2022."""

from ...papers import Paper

PAPER = Paper(
    "akyurek2022",
    title="What learning algorithm is in-context learning? Investigations with linear models",
    authors="Ekin Akyürek, Dale Schuurmans, Jacob Andreas, Tengyu Ma, Denny Zhou",
    arxiv="2211.15661",
)
