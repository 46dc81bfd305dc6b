"""The statements of fu2023."""

from ...papers import Paper

PAPER = Paper(
    "fu2023",
    title="Transformers Learn Higher-Order Optimization Methods for In-Context Learning",
    authors="Deqing Fu, Tian-Qi Chen, Robin Jia, Vatsal Sharan",
    arxiv="2310.17086",
)
