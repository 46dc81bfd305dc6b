"""bai2023 (arXiv:2306.04637v2): ridge and proximal descent by ReLU attention.

The text that was read has the sentences, but not every display. What stands in those is put
together from the sentences and the norm bounds beside them; where that leaves a choice, each
reading is a claim.
"""

from fractions import Fraction

from ...papers import Paper

PAPER = Paper(
    "bai2023",
    title="Transformers as Statisticians: Provable In-Context Learning with In-Context "
    "Algorithm Selection",
    authors="Yu Bai, Fan Chen, Huan Wang, Caiming Xiong, Song Mei",
    arxiv="2306.04637",
    version=2,
)

READ = "read in a text without the displays, from the sentences and norm bounds around them"
HALF = Fraction(1, 2)
