"""What a network is told of where a tune stands: nothing of what follows, and the same however it is asked."""

from __future__ import annotations

import numpy as np
import pytest
from tunes_by_rule import made_tunes

from lstmkit.language.neural.clues import told_all
from lstmkit.music.abc import read_abc
from lstmkit.music.events import encode
from lstmkit.music.events.clues import BACK, TuneClues
from lstmkit.music.events.vocabulary import EventTokens
from lstmkit.music.tune import Tune

HEAD = "X:1\nR:jig\nM:6/8\nL:1/8\nK:G\n"
AT, LEFT, SHORT, BARS, ALL, ENDED, ROOM, SAME = range(8)
AGAIN = SAME + len(BACK)


def follow(tune: Tune) -> tuple[EventTokens, list[str], np.ndarray]:
    """Return the vocabulary of a tune, its events, and what is told before each of them and after the last."""
    events = list(encode(tune).tokens)
    tokens = EventTokens.learnt([events, events])
    return tokens, events, told_all(TuneClues(tokens), tokens.ids_of(events))


def read(body: str, head: str = HEAD) -> Tune:
    return read_abc(head + body).tunes[0]


def test_the_place_in_the_bar_is_told_before_every_note():
    tokens, events, told = follow(read("D|G3 B2A|G6:|"))
    place = events.index("|")  # ticks of a 96th: a bar of 6/8 has 72
    assert events[place:] == ["|", "0:3/8", "4:1/4", "2:1/8", "|", "0:3/4", ":|"]
    assert told[3:, AT].tolist() == [0, 12, 0, 36, 60, 72, 0, 72, 0]
    assert told[3:, LEFT].tolist() == [72, 60, 72, 36, 12, 0, 72, 0, 72]
    assert told[3:, SHORT].tolist() == [0, 0, 12, 12, 12, 12, 12, 12, 12]
    assert told[3:, BARS].tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 0]
    assert told[3:, ALL].tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 3] and told[3:, ENDED].tolist() == [0] * 8 + [1]
    assert told[3:, ROOM].tolist() == [72, 60, *(193 + left for left in (72, 36, 12, 0, 72, 0)), 72]
    assert told[0].tolist() == [0, 96, 0, 0, 0, 0, 96, *(0,) * len(BACK), *(tokens.unknown,) * len(BACK)]


def test_a_bar_that_is_too_long_goes_on_as_if_its_line_stood_there():
    _, events, told = follow(read("G6A|"))
    assert told[events.index("|"), [AT, LEFT]].tolist() == [12, 60] and told[-1, SHORT] == 84
    _, events, told = follow(read("G6G6|"))
    assert told[events.index("|"), [AT, LEFT]].tolist() == [72, 0]  # not as if the next had just begun


def test_what_is_left_of_a_bar_speaks_of_lengths_bar_lines_and_what_takes_no_time():
    quarters, halves, without = ("0:1/4", "0:1/4~", "4:1/4", "z:1/4"), ("2:1/2", "z:1/2"), ('"7:', "g2:1/8", "&4")
    symbols = ("<unk>", "<end>", "mode=major", "|", *quarters, ":|", *halves, *without)
    sizes = TuneClues(EventTokens(symbols)).sizes
    alike = [{s for s, kind in zip(symbols, sizes.kinds, strict=True) if kind == one} for one in range(6)]
    assert sizes.telling == ROOM and max(sizes.kinds) == 5
    assert alike == [{"<unk>", "mode=major", *without}, {"<end>"}, {"|"}, set(quarters), {":|"}, set(halves)]


def test_what_followed_a_bar_ago_is_recalled_and_counted():
    tokens, events, told = follow(read('"G"G3 A3|"G"G3 A3|"G"G3 B3|'))
    recalled = [tokens.symbols[one] for one in told[:-1, AGAIN]]
    second, third = 3 + 4, 3 + 8
    assert recalled[second : second + 3] == ['"0:', "0:3/8", "2:3/8"] == events[second : second + 3]
    assert told[second : second + 4, SAME].tolist() == [0, 1, 2, 3]
    assert recalled[third : third + 3] == ['"0:', "0:3/8", "2:3/8"] and told[-1, SAME] == 0
    two = [tokens.symbols[one] for one in told[third : third + 3, AGAIN + 1]]
    assert two == ['"0:', "0:3/8", "2:3/8"] and told[second, AGAIN + 1] == tokens.unknown
    none = told[: second - 1, AGAIN]  # before the first bar is full
    assert set(none.tolist()) == {tokens.unknown}


def test_a_note_that_began_at_another_time_is_not_recalled():
    tokens, events, told = follow(read("G6|A3 B3|"))
    assert told[events.index("4:3/8"), AGAIN] == tokens.unknown


def test_each_voice_recalls_its_own_bars():
    tokens, events, told = follow(read("V:1\nG6|A6|\nV:2\nB6|c6|\n"))
    assert events[3:] == ["0:3/4", "v1", "4:3/4", "|", "2:3/4", "v1", "5:3/4", "|"]
    assert [tokens.symbols[one] for one in told[[7, 9], AGAIN]] == ["0:3/4", "4:3/4"]
    assert told[3:, AT].tolist() == [0, 72, 0, 72, 0, 72, 0, 72, 0]


def test_nothing_is_told_of_what_follows_and_a_place_stays_as_it_was():
    one, other = (made_tunes(1, seed=seed)[0] for seed in (1, 2))
    events = [*encode(one).tokens, *encode(other).tokens]
    tokens = EventTokens.learnt([events, events])
    clues, ids = TuneClues(tokens), tokens.ids_of(events)
    told = told_all(clues, ids)
    place, places = clues.begin(), []
    for cut, token in enumerate(ids.tolist()):
        places.append(place)
        assert clues.told(place) == tuple(told[cut])
        place = clues.advance(place, token)
    assert [clues.told(p) for p in places] == [tuple(row) for row in told[:-1]]
    assert clues.advance(place, tokens.end) == clues.begin()
    sizes = clues.sizes
    limits = [*sizes.numbers, *(len(tokens.symbols),) * sizes.recalled]
    assert (told >= 0).all() and (told < np.array(limits)).all()


@pytest.mark.parametrize("written", ["0:999999999/7", "metre=64/1", "v127", "metre:1/64"])
def test_whatever_is_written_stays_within_what_can_be_told(written):
    tokens = EventTokens(("<unk>", "<end>", "|", "0:1/8", written))
    clues = TuneClues(tokens)
    told = told_all(clues, np.array([4, 3, 4, 2, 3, 4, 4, 2, 3, 3], np.int32))
    limits = [*clues.sizes.numbers, *(len(tokens.symbols),) * clues.sizes.recalled]
    assert (told >= 0).all() and (told < np.array(limits)).all()
