"""How the heads of a recogniser write words, as a search asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lstmkit.language.vocabulary.subwords import SPACE
from lstmkit.speech.decoding import Head
from lstmkit.speech.lexicon import Lexicon
from lstmkit.speech.units import GAP, Numbers, Units


def heads_of(units: Mapping[str, Units], lexicon: Lexicon | None) -> dict[str, Head]:
    """Return the heads of a recogniser.

    units    of each, by its name
    lexicon  how words are pronounced, for phones
    """
    return {name: _head(own, lexicon) for name, own in units.items()}


def words_known(units: Mapping[str, Units], lexicon: Lexicon | None) -> Sequence[str] | None:
    """Return all words that can be found: those of the lexicon, or of a head of words that is alone; None for any."""
    if lexicon is not None:
        return sorted(lexicon.words)
    return list(units["word"].symbols) if set(units) == {"word"} else None


def _head(units: Units, lexicon: Lexicon | None) -> Head:
    gap = units.numbers.get(GAP) if units.kind == "character" else None
    begins = SPACE if units.kind == "subword" else None
    return Head(units.symbols, _spelling(units, lexicon), gap, begins, units.kind in ("character", "subword"))


def _spelling(units: Units, lexicon: Lexicon | None) -> Callable[[str], Sequence[Numbers]]:
    """Return what writes a word in units, in every way that there is."""
    if units.kind == "phone":
        spoken = {} if lexicon is None else units.pronunciations(lexicon)
        return lambda word: spoken.get(word, ())

    def spelled(word: str) -> Sequence[Numbers]:
        found = units.encode([word])
        return () if found is None else (found,)

    return spelled
