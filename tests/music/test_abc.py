"""ABC: what is written is what is read, and the other way round."""

from __future__ import annotations

from fractions import Fraction

import pytest

from lstmkit.errors import InputError
from lstmkit.music.abc import read_abc, write_abc
from lstmkit.music.keys import Key, read_key
from lstmkit.music.repeats import played
from lstmkit.music.tune import Metre, uneven_bars

HEAD = "X:1\nT:A tune\nM:4/4\nL:1/8\nK:C\n"


def notes(body: str, head: str = HEAD) -> list[tuple[Fraction, Fraction, int]]:
    tune = read_abc(head + body).tunes[0]
    return [(n.onset, n.duration, n.pitch) for voice in tune.voices for n in voice.notes if not n.grace]


def sounds(body: str, head: str = HEAD) -> list[tuple[str, int]]:
    return [(str(duration * 8), pitch) for _, duration, pitch in notes(body, head)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("C D/ E2 F3/2 G// A/4", [("1", 60), ("1/2", 62), ("2", 64), ("3/2", 65), ("1/4", 67), ("1/4", 69)]),
        ("C, c c' B,,", [("1", 48), ("1", 72), ("1", 84), ("1", 47)]),
        ("^F F f|F =B _B", [("1", 66), ("1", 66), ("1", 78), ("1", 65), ("1", 71), ("1", 70)]),
        ("^^F __E", [("1", 67), ("1", 62)]),
        ("A2-A4 A-|A", [("6", 69), ("2", 69)]),
        ("^F-|F F", [("2", 66), ("1", 65)]),
        ("(3ABc (3A2B2c2", [("2/3", 69), ("2/3", 71), ("2/3", 72), ("4/3", 69), ("4/3", 71), ("4/3", 72)]),
        ("(2AB (5:4:5CDEFG A", [("3/2", 69), ("3/2", 71), *[("4/5", p) for p in (60, 62, 64, 65, 67)], ("1", 69)]),
        ("A>B c<d e>>f", [("3/2", 69), ("1/2", 71), ("1/2", 72), ("3/2", 74), ("7/4", 76), ("1/4", 77)]),
        ("[CEG]2 [C2E2] [CE]", [("2", p) for p in (60, 64, 67)] + [("2", 60), ("2", 64), ("1", 60), ("1", 64)]),
        ("[C-E]2 [CG]", [("3", 60), ("2", 64), ("1", 67)]),
        ('"Am7"A ~B !trill!c (de) .f', [("1", p) for p in (69, 71, 72, 74, 76, 77)]),
        ("C[K:D]F[L:1/4]C", [("1", 60), ("1", 66), ("2", 61)]),
    ],
)  # fmt: skip
def test_notes(body, expected):
    assert sounds(body) == expected


def test_rests_and_whole_bars_take_their_time():
    assert [str(onset * 8) for onset, _, _ in notes("z2 C x D|Z|E")] == ["2", "4", "13"]


def test_a_tuplet_of_five_has_the_time_of_the_metre():
    assert sounds("(5CDEFG", HEAD.replace("4/4", "6/8"))[0] == ("3/5", 60)
    assert sounds("(5CDEFG")[0] == ("2/5", 60)


def test_grace_notes_take_no_time():
    tune = read_abc(HEAD + "{cd}e f").tunes[0]
    assert [(n.onset, n.pitch, n.grace) for n in tune.voices[0].notes] == [
        (Fraction(0), 72, True), (Fraction(0), 74, True), (Fraction(0), 76, False), (Fraction(1, 8), 77, False),
    ]  # fmt: skip


def test_fields_say_key_metre_tempo_and_style():
    head = "X:1\nT:A\nM:6/8\nQ:3/8=60\nR:Jig\nK:Ador\n"
    tune = read_abc(head + "ABc def|[M:9/8][K:G]A2A A2A A3|[Q:1/4=80]A6|").tunes[0]
    assert tune.keys == ((Fraction(0), Key("A", "dorian")), (Fraction(6, 8), Key("G")))
    assert tune.metres == ((Fraction(0), Metre(6, 8)), (Fraction(6, 8), Metre(9, 8)))
    assert tune.tempos == ((Fraction(0), Fraction(90)), (Fraction(15, 8), Fraction(80)))
    assert (tune.style, tune.title) == ("jig", "A")


def test_the_unit_length_follows_the_metre():
    assert notes("A", "X:1\nM:2/4\nK:C\n")[0][1] == Fraction(1, 16)
    assert notes("A", "X:1\nM:3/4\nK:C\n")[0][1] == Fraction(1, 8)


@pytest.mark.parametrize(
    ("bars", "signs"),
    [
        ("|:A:|", ["|:", ":|"]),
        ("A:|:A:|", ["::", ":|"]),
        ("A::A|]", ["::", "|]"]),
        ("A||\n|:A:||:A||", ["|:", "::", "||"]),
        ("A |1 A :|2 A |]", ["| 1", ":| 2", "|]"]),
        ("A| [1 A :| [2 A ||", ["| 1", ":| 2", "||"]),
        ("A [|A|", ["[|", "|"]),
    ],
)
def test_bar_lines(bars, signs):
    assert [f"{bar.sign} {bar.ending}".strip() for bar in read_abc(HEAD + bars).tunes[0].bars] == signs


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("A|:B:|c", "ABBc"),
        ("AB:|c", "ABABc"),
        ("|:A|1 B:|2 c||d", "ABAcd"),
        ("A|:B|[1 c:|[2 d:|e", "ABcBde"),
        ("A::B:|", "AABB"),
        ("|:A|[1,3 B:|[2 c:|", "ABAcAB"),
        ("A||B:|c", "ABBc"),
    ],
)
def test_repeats_are_played(written, heard):
    tune = played(read_abc(HEAD + written).tunes[0])
    letters = {69: "A", 71: "B", 72: "c", 74: "d", 76: "e"}
    assert "".join(letters[n.pitch] for n in tune.notes) == heard
    assert [n.onset * 8 for n in tune.notes] == list(range(len(heard)))


def test_voices_have_their_own_time_and_name():
    body = 'V:1 name="Flute"\n%%MIDI program 73\nABcd|\nV:2\nA,2B,2|\nV:1\ne4|\n'
    tune = read_abc(HEAD + body).tunes[0]
    assert [(v.name, v.program, [n.pitch for n in v.notes]) for v in tune.voices] == [
        ("Flute", 73, [69, 71, 72, 74, 76]),
        ("2", 0, [57, 59]),
    ]
    assert [bar.onset for bar in tune.bars] == [Fraction(1, 2), Fraction(1)]


def test_bars_that_do_not_add_up_are_counted_and_an_upbeat_is_none():
    assert uneven_bars(read_abc(HEAD + "A|ABcd efga|ABcd|ABcd efg:|A|ABcd efga||").tunes[0]) == [Fraction(9, 8)]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Bb", Key("Bb")),
        ("f#m", Key("F#", "minor")),
        ("A minor", Key("A", "minor")),
        ("GMix", Key("G", "mixolydian")),
        ("E Dorian", Key("E", "dorian")),
        ("none", Key()),
        ("D exp ^g =c", Key("D", "major", ("^G", "=C"))),
        ("G clef=bass", Key("G")),
    ],
)
def test_keys(text, key):
    assert read_key(text) == key and read_key(str(key)) == key


def test_signatures():
    assert [Key(t, m).fifths for t, m in (("C", "major"), ("A", "minor"), ("Bb", "major"), ("D", "dorian"))] == [
        0,
        0,
        -2,
        0,
    ]
    assert Key("A").alters == {"C": 1, "D": 0, "E": 0, "F": 1, "G": 1, "A": 0, "B": 0}
    assert read_key("Eb").scale == {3, 5, 7, 8, 10, 0, 2}


@pytest.mark.parametrize(
    "body",
    [
        '|:"G"gfg "Am7"a2b|(3gab [2 "D"c>d ^f=f:|{ab}c2 [CE]3-|[CE]2 z|',
        "[K:Eb]_a_bc|[M:3/8](5:4:5abcde|[Q:1/4=90]^c-c|",
        "C8-|C8-|C4|",
        "V:1\nCDEF|\nV:2\nC,4|\n",
        "[c2e2][cec][c2e2]z2|",
    ],
)
def test_a_tune_comes_back_as_it_was(body):
    tune = read_abc(HEAD + body).tunes[0]
    again = read_abc(write_abc([tune])).tunes[0]
    assert [n for v in again.voices for n in v.notes] == [n for v in tune.voices for n in v.notes]
    for name in ("keys", "metres", "tempos", "bars", "chords", "end", "title", "style"):
        assert getattr(again, name) == getattr(tune, name), name


def test_overlapping_notes_become_voices():
    tune = read_abc(HEAD + "V:1\nC8|\nV:2\nzG3z4|\n").tunes[0]
    both = type(tune)((type(tune.voices[0])(tuple(tune.notes)),), bars=tune.bars, end=tune.end)
    assert sorted(read_abc(write_abc([both])).tunes[0].notes) == sorted(tune.notes)


@pytest.mark.parametrize("each", [8, pytest.param(1, marks=pytest.mark.slow)])
def test_folk_tunes_come_back_as_they_were(data, each):
    count = 0
    for file in sorted((data / "nottingham_abc" / "ABC_cleaned").glob("*.abc")):
        tunes = read_abc(file.read_text(encoding="latin-1")).tunes[::each]
        again = read_abc(write_abc(tunes))
        assert again.tunes == tunes and not again.remarks
        count += len(tunes)
    assert count >= 1034 // each


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not ABC with a note in it (no line K: that begins the notes of a tune)"),
        ("hello\n", "not ABC with a note in it"),
        ("X:1\nK:C\nz4|\n", "not ABC with a note in it (tunes without a note: 1)"),
        ("X:1\nM:4\nK:C\nA", "here, line 2: no metre: '4'; write beats and their unit, such as 4/4 or 6/8, or none"),
        ("X:1\nL:x\nK:C\nA", "line 2: no unit length: 'x'"),
        ("X:1\nQ:1/4=0\nK:C\nA", "line 2: a tempo of zero: '1/4=0'"),
        ("X:1\nK:H\nA", "line 2: no key: 'H'; write a tonic and a mode, such as D, Bb, F#m or Gdor"),
        ("X:1\nK:D blues\nA", "modes are major, minor"),
        ("X:1\nK:C\nA/0", "line 3: a length of /0: divided by zero"),
        ("X:1\nK:C\nc'''''''", "is outside the range of MIDI"),
        ("X:1\nK:C\nA & c", "a second voice within a bar"),
        ("X:1\nM:4/4\nK:C\nC8|" + "Z999|" * 101, "here: lasts 100,900 whole notes, more than 100,000"),
        ("X:1\nK:G#\nA", "has a signature of more than seven accidentals"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(text, message):
    with pytest.raises(InputError, match="here") as error:
        read_abc(text, "here")
    assert message in str(error.value) and "\n" not in str(error.value)


def test_what_is_passed_over_is_counted():
    remarks = read_abc(HEAD + '~A "fine"B ? C0\n').remarks
    assert remarks == {
        "ornaments and marks of playing": 1, "words above the staff": 1, "notes without a length, left out": 1,
        "characters passed over that mean nothing in ABC": 1,
    }  # fmt: skip
