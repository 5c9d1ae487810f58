"""For each of some tunes, one that is composed in the same style, metre and key."""

from __future__ import annotations

from collections.abc import Sequence

from lstmkit.music.composer import Composer
from lstmkit.music.composing.wish import Wish
from lstmkit.music.events import encode
from lstmkit.music.events.tokens import METRE
from lstmkit.music.tune import Tune, lengths_of_bars


def companions(
    composer: Composer, tunes: Sequence[Tune], count: int, hold: bool = True, seed: int = 0
) -> tuple[list[Tune], list[Tune]]:
    """Return tunes of one voice and of a style, metre and mode that were learnt, and one composed for each.

    count  of them at most
    hold   whether bars, repeats and ties hold, and there are as many bars as in the tune it stands beside
    """
    known = set(composer.tokens_.symbols)
    heads = [encode(tune).tokens[:3] for tune in tunes]
    alike = [
        tune
        for tune, head in zip(tunes, heads, strict=True)
        if known.issuperset(head) and len(tune.voices) == 1 and head[1] != f"{METRE}none"
    ][:count]
    found = [
        composer.compose(
            Wish(tune.style, str(tune.key), str(tune.metre), _bars(tune) if hold else None, hold=hold),
            seed=seed + number,
        )[0].tune
        for number, tune in enumerate(alike)
    ]
    return alike, found


def _bars(tune: Tune) -> int:
    """Return how many bars of a tune are as long as its metre says, one at least."""
    return max(1, sum(length == tune.metre.length for _, length, _ in lengths_of_bars(tune)))
