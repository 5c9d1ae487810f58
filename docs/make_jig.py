"""Draw docs/jig.svg: a composed tune of the README as a piano roll.

python docs/make_jig.py FOLK new/1.abc   # the folder of `lstm music train`, and what its `compose` wrote
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from lstmkit.music import Composer
from lstmkit.music.files import read_tune
from lstmkit.music.page import roll

PICTURE = Path(__file__).with_name("jig.svg")


def main(model: str, written: str) -> None:
    """Draw the tune of a file, with what surprises a model in it."""
    tune = read_tune(written)
    drawn = re.sub(
        r' onmouseover="[^"]*"|<rect class="cursor"[^>]*/>', "", roll(tune, Composer.load(model).score(tune), "jig")
    )
    drawn = drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" font-family="system-ui, sans-serif" ', 1)
    PICTURE.write_text(drawn.replace("><", ">\n<") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
