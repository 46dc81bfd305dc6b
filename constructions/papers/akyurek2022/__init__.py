"""akyurek2022 (arXiv:2211.15661): the printed operations, their layers, and chains of them."""
