"""Events: a tune comes back from them, in every key they are the same, and rules hold always."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from tunes_by_rule import made_tunes

from lstmkit.errors import InputError
from lstmkit.music.abc import read_abc
from lstmkit.music.events import decode, encode
from lstmkit.music.events.decoding import onsets
from lstmkit.music.events.rules import Place, Rules
from lstmkit.music.events.tokens import chord_token
from lstmkit.music.events.vocabulary import EventTokens
from lstmkit.music.keys import Key
from lstmkit.music.rolls import read_voices, tune_of_parts
from lstmkit.music.tune import Metre, Tune, transposed, uneven_bars

HEAD = "X:1\nR:jig\nM:6/8\nL:1/8\nK:G\n"


def tune(body: str, head: str = HEAD) -> Tune:
    return read_abc(head + body).tunes[0]


def test_events_as_they_are_written():
    assert encode(tune('D|:"G"G2B "Em/b"[Bd]2-[Bd]|{c}z3 (3ABA z:|[2 G6||')).tokens == (
        "style=jig", "metre=6/8", "mode=major", "-5:1/8", "|:", '"0:', "0:1/4", "4:1/8", '"9:m/4', "&4", "7:3/8", "|",
        "g5:1/8", "z:3/8", "2:1/12", "4:1/12", "2:1/12", "z:1/8", ":|", "[2", "0:3/4", "||",
    )  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        '|:"G"gfg a2b|(3gab c>d f:|{ab}c2 [CE]4|[CE]2 z4|',
        "A6-|A6-|A3 [M:9/8][K:Dm]z3 f3|[Q:1/4=90]c9|]",
        "V:1\nCDEF|G6|\nV:2\nC,4|z3 G,3|\n",
        "G3- [K:Am]G3|[M:3/4]A2 B2 [1 c2:|[2 d2||",
        "AB",
    ],
)
def test_a_tune_comes_back_from_its_events(body):
    own = tune(body)
    events = encode(own)
    again = decode(events.tokens, events.key)
    assert [voice.notes for voice in again.voices] == [voice.notes for voice in own.voices]
    for name in ("keys", "metres", "tempos", "bars", "end", "style"):
        assert getattr(again, name) == getattr(own, name), name
    assert [(at, chord_token(c, own.key)) for at, c in again.chords] == [
        (at, chord_token(c, own.key)) for at, c in own.chords
    ]


@pytest.mark.parametrize("each", [16, pytest.param(1, marks=pytest.mark.slow)])
def test_folk_tunes_come_back_from_their_events(data, each):
    for file in sorted((data / "nottingham_abc" / "ABC_cleaned").glob("*.abc")):
        for own in read_abc(file.read_text(encoding="latin-1")).tunes[::each]:
            events = encode(own)
            again = decode(events.tokens, events.key)
            assert again == replace(own, chords=again.chords) and len(again.chords) == len(own.chords)


@pytest.mark.parametrize("each", [16, pytest.param(1, marks=pytest.mark.slow)])
def test_chorales_come_back_from_their_events(data, each):
    pieces = [p for own in read_voices(data / "jsb_chorales" / "Jsb16thSeparated.json.gz").values() for p in own]
    for piece in pieces[::each]:
        own = tune_of_parts(piece)
        again = decode(encode(own).tokens, own.key)
        assert [v.notes for v in again.voices] == [v.notes for v in own.voices] and again.end == own.end


@pytest.mark.parametrize("steps", range(-6, 6))
def test_a_moved_tune_has_the_same_events(steps):
    own = tune('D|:"G"G2B "D7/f#"d3|[K:Em]efg ABc:|')
    moved = transposed(own, steps)
    octave = (67 + steps) // 12 - 5  # the tonic is looked for from middle C on
    expected = encode(transposed(own, 12 * octave)).tokens
    assert encode(moved).tokens == tuple(expected)
    assert decode(encode(moved).tokens, moved.key).notes == moved.notes


def test_what_a_model_may_write_becomes_a_tune_whatever_it_is():
    written = decode(["0:1/4~", "5:1/8", "&3", "z:1/8", "500:1/4", ":|", "[1", '"x', "v9", "7:1/8", "|", "hm", "<unk>"])
    assert [(n.onset, n.duration, n.pitch) for n in written.notes] == [
        (Fraction(0), Fraction(1, 4), 60), (Fraction(1, 4), Fraction(1, 8), 65), (Fraction(3, 4), Fraction(1, 8), 67),
    ]  # fmt: skip
    with pytest.raises(InputError, match="the events hold no note; give a tune with notes"):
        decode(["z:1/4", "|"])


def test_every_event_knows_when_it_happens():
    events = encode(tune("D|G2B d3|"))
    assert [str(t * 8) for t in onsets(events.tokens)[3:]] == ["0", "1", "1", "3", "4", "7"]


def test_a_vocabulary_reads_back_what_it_writes():
    tokens = EventTokens.learnt([encode(one).tokens for one in made_tunes(12)])
    text = "style=jig metre=6/8 mode=major 0:1/8 |\n2:1/8\n"
    assert tokens.decode(tokens.encode(text)) == text
    assert tokens.symbols[tokens.unknown] == "<unk>" and tokens.ids_of(["none"]) == [tokens.unknown]
    with pytest.raises(InputError, match="style 'polka' is none that the model learnt; there is jig, waltz"):
        tokens.one_of("style=", "polka", "style")


def written_by_chance(rules: Rules, random: np.random.Generator, most: int = 2000) -> list[str]:
    """Return the body of a tune in which every event that may follow is as likely as any other."""
    place, found = Place(), []
    for _ in range(most):
        token = int(random.choice(np.flatnonzero(rules.allowed(place))))
        if token == rules.tokens.end:
            return found
        found.append(rules.tokens.symbols[token])
        place = rules.after(place, token)
    raise AssertionError("the tune found no end")


@pytest.fixture(scope="module")
def tokens() -> EventTokens:
    bodies = [
        'A|:"G"g2f [Bd]3|(3gab c>d f:|', "[1 G6-|G3 z3:|[2 [CEG]4 A2||", "|:A6::B6|]{c}d6|", "G/2A/2B g/4a3/4 z/2 d3|",
    ]  # fmt: skip
    return EventTokens.learnt([encode(tune(body)).tokens for body in bodies] * 2)


@pytest.mark.parametrize("bars", [1, 2, 5, 16])
@pytest.mark.parametrize("metre", ["6/8", "3/4", "4/4", "5/8"])
def test_whatever_is_drawn_by_the_rules_holds_its_bars(tokens, metre, bars):
    rules = Rules(tokens, Metre(*map(int, metre.split("/"))), bars)
    random = np.random.default_rng(bars)
    for _ in range(12):
        body = written_by_chance(rules, random)
        own = decode(["style=", f"metre={metre}", "mode=major", *body], Key("G"))
        assert uneven_bars(own) == []
        lengths = [b.onset - a for a, b in zip([Fraction(0), *(bar.onset for bar in own.bars)], own.bars, strict=False)]
        short = [length for length in lengths if length != rules.metre.length]
        assert len(lengths) - len(short) <= bars <= len(lengths)
        last = max((n for n in own.notes if not n.grace), key=lambda n: (n.onset, n.pitch))
        assert last.pitch % 12 == 7 and last.end == own.end == own.bars[-1].onset
        assert own.bars[-1].sign in ("||", "|]", ":|")
        firsts, seconds = ([bar for bar in own.bars if bar.ending == which] for which in "12")
        assert len(firsts) == len(seconds)


def test_a_last_bar_that_an_upbeat_makes_up_ends_on_the_tonic_too():
    known = EventTokens.learnt([encode(one).tokens for one in made_tunes(12)])
    rules = Rules(known, Metre(6, 8), 1)
    for last, may_end in (("0:1/8", True), ("2:1/8", False)):
        place = Place()._replace(upbeat=120, partial=False)
        for symbol in (*["2:1/8"] * 4, last):
            place = rules.after(place, int(known.ids_of([symbol])[0]))
        assert bool(rules.allowed(place)[int(known.ids_of(["||"])[0])]) == may_end


@pytest.mark.parametrize(
    ("form", "bars", "signs"),
    [
        ("AABB", 4, ["|", "::", "|", ":|"]),
        ("AAB", 6, ["|", "|", ":|", "|", "|", "||"]),
        ("ABB", 4, ["|", "|:", "|", ":|"]),
        ("AB", 2, ["||", "||"]),
    ],
)
def test_a_form_is_held(tokens, form, bars, signs):
    for seed in range(12):
        body = written_by_chance(Rules(tokens, Metre(6, 8), bars, form=form), np.random.default_rng(seed))
        own = decode(["style=", "metre=6/8", "mode=major", *body], Key("G"))
        assert uneven_bars(own) == []
        found = [bar.sign for bar in own.bars if bar.onset > 0]
        if own.bars[0].onset in (0, Fraction(6, 8)) and own.bars[-1].onset == bars * Fraction(
            6, 8
        ):  # without an upbeat
            assert found == signs
        before = own.bars[0].onset if own.bars[0].sign == "|:" else 0  # an upbeat that is not repeated
        ends = [bar.onset - before for bar in own.bars if bar.sign in ("::", ":|", "||")]
        assert all(
            end % (Fraction(6, 8) * bars / len(set(form))) == 0 for end in ends
        )  # with its upbeat a part is whole
        assert [one for one in found if one not in ("|", "|:")] == [one for one in signs if one not in ("|", "|:")]


def test_a_form_that_cannot_be_written_is_refused(tokens):
    with pytest.raises(InputError, match="form 'ABA': write each part as a letter, once or twice in a row"):
        Rules(tokens, Metre(6, 8), 6, form="ABA")
    with pytest.raises(InputError, match="form AABB: 2 parts of equal length need a multiple of so many bars; got 5"):
        Rules(tokens, Metre(6, 8), 5, form="AABB")


def test_scale_and_range_are_held(tokens):
    rules = Rules(tokens, Metre(6, 8), 4, scale=frozenset({0, 2, 4, 5, 7, 9, 11}), lowest=0, highest=9)
    for seed in range(10):
        own = decode(["mode=major", *written_by_chance(rules, np.random.default_rng(seed))], Key("G"))
        assert {(n.pitch - 67) % 12 for n in own.notes if not n.grace} <= {0, 2, 4, 5, 7, 9, 11}
        assert all(67 <= n.pitch <= 76 for n in own.notes if not n.grace)


def test_the_folk_tunes_that_hold_their_bars_are_allowed_by_the_rules(data):
    """But for key and metre that change, and for what the rules leave out on purpose."""
    tunes = read_abc((data / "nottingham_abc" / "ABC_cleaned" / "jigs.abc").read_text(encoding="latin-1")).tunes[:60]
    tokens, held, tried = EventTokens.learnt([encode(one).tokens for one in tunes]), 0, 0
    for own in tunes:
        if uneven_bars(own) or len(own.keys) > 1 or len(own.metres) > 1:
            continue
        tried += 1
        rules, place, fits = Rules(tokens, own.metre), Place(), True
        for token in tokens.ids_of(encode(own).tokens[3:]):
            fits = fits and (token == tokens.unknown or bool(rules.allowed(place)[token]))
            place = rules.after(place, token)
        held += fits
    assert tried > 30 and held > 0.65 * tried, (held, tried)


def test_a_metre_that_cannot_be_filled_is_refused(tokens):
    with pytest.raises(InputError, match="metre none: bars of it cannot be held; give another, or no constraint"):
        Rules(tokens, Metre(0, 0), 4)
    with pytest.raises(InputError, match="metre 1/64: no notes that the model knows fill a bar of it within the scale"):
        Rules(tokens, Metre(1, 64), 4)
    with pytest.raises(InputError, match="no notes that the model knows fill a bar"):
        Rules(tokens, Metre(6, 8), 4, lowest=100)
