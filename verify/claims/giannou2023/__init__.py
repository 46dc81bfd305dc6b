"""The statements of giannou2023."""

from ...papers import Paper

PAPER = Paper(
    "giannou2023",
    title="Looped Transformers as Programmable Computers",
    authors="Angeliki Giannou, Shashank Rajput, Jy-yong Sohn, Kangwook Lee, Jason D. Lee, "
    "Dimitris Papailiopoulos",
    arxiv="2301.13196",
)
