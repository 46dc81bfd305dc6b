"""Makes stix-two-math.woff2 of the whole font: what formulas of pages are written with.

    python verify/page/fonts/subset.py stix-two-math-latin-400-normal.woff2

with fonttools and brotli, on the file of the npm package @fontsource/stix-two-math 5.3.0. Pages
carry the result; nothing else of this project runs this.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ASCII = "".join(map(chr, range(0x20, 0x7F)))
GREEK = "ΓΔΘΛΞΠΣΦΨΩαβγδεζηθικλμνξπρςστυφχψωϑϕϖϰϱϵ"
SIGNS = "¬¯±·×÷½‖†‡…′″‴⁄⁡⁢ℓℝℕℤℚℂ←→↑↓↔↦⇒⇐⇔∀∂∃∅∇∈∉∏∑−∓∖∘√∞∣∥∧∨∩∪∫∼≃≈≠≡≤≥≪≫⊂⊆⊙⊕⊗⊤⊥⋅⋆⋮⋯⋱⌈⌉⌊⌋⟨⟩⟶⪰⪯ˆ˜ˉ"


def letters() -> str:
    """Letters of formulas as the browser draws them: <mi>x</mi> is U+1D465, and so on."""
    italic = [*range(0x1D434, 0x1D468), 0x210E, *range(0x1D6E2, 0x1D71C)]
    script = [*range(0x1D49C, 0x1D4B6), *map(ord, "ℬℰℱℋℐℒℳℛ")]
    double_struck = [*range(0x1D538, 0x1D552), *map(ord, "ℂℍℕℙℚℝℤ"), 0x1D7D9]
    return "".join(map(chr, [*italic, *script, *double_struck]))


if __name__ == "__main__":
    subprocess.run(
        [
            sys.executable, "-m", "fontTools.subset", sys.argv[1],
            f"--text={ASCII}{GREEK}{SIGNS}{letters()}",
            "--flavor=woff2", "--no-hinting", "--desubroutinize", "--layout-features=kern",
            f"--output-file={Path(__file__).with_name('stix-two-math.woff2')}",
        ],
        check=True,
    )  # fmt: skip
