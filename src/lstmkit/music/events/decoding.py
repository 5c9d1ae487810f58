"""Events as tunes: also what a model wrote, whatever it is."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from lstmkit.errors import InputError
from lstmkit.music.abc.fields import metre_of
from lstmkit.music.events.tokens import CELL, CHORD, METRE, MODE, SHAPE, STYLE, VOICE, chord_symbol, home_of, sound_of
from lstmkit.music.keys import MODES, Key, key_at
from lstmkit.music.tune import HIGHEST, LOWEST, SIGNS, START, Bar, Metre, Note, Tune, Voice, changes, in_order


def decode(tokens: Sequence[str], key: Key | None = None) -> Tune:
    """Return the tune that events say.

    What does not fit is passed over: a note outside the range of MIDI, a tie to another pitch, a token without meaning.

    key     of the tune; None is C, in the mode that the tokens say
    Raises  InputError if there is no note
    """
    tonic = Key() if key is None else key
    mode = next((t.removeprefix(MODE) for t in tokens if t.startswith(MODE)), tonic.mode)
    if mode != tonic.mode and mode in MODES:
        tonic = key_at(tonic.pitch_class, mode)
    state = _State(tonic)
    for token in tokens:
        state.take(token)
    return state.tune()


def onsets(tokens: Sequence[str]) -> list[Fraction]:
    """Return when each token happens, whatever it is."""
    state, found = _State(Key()), []
    for token in tokens:
        found.append(state.time)
        state.take(token)
    return found


class _State:
    """A tune that grows by tokens."""

    def __init__(self, key: Key) -> None:
        self._key, self._home = key, home_of(key)
        self._keys: list[tuple[Fraction, Key]] = [(START, key)]
        self._metres: list[tuple[Fraction, Metre]] = []
        self._tempos: list[tuple[Fraction, Fraction]] = []
        self._chords: list[tuple[Fraction, str]] = []
        self._bars: list[Bar] = []
        self._style = ""
        self._rows: list[list[Note]] = [[]]
        self._programs: dict[int, int] = {}
        self._drums: set[int] = set()
        self._row, self._time, self._cell, self._end = 0, START, START, START
        self._together: list[int] = []
        self._tied: dict[int, dict[int, int]] = {}

    @property
    def time(self) -> Fraction:
        """When the next note begins."""
        return self._time

    def take(self, token: str) -> None:
        """Take one token."""
        sound = sound_of(token)
        if sound is not None:
            self._sound(sound.kind, sound.pitch + self._home, sound.duration, sound.tied)
        elif token in SIGNS and token:
            self._line(token)
        elif token.startswith("["):
            self._ending(token[1:])
        elif token == CELL:
            self._next_cell()
        elif (found := VOICE.fullmatch(token)) is not None:
            self._end = self._time if self._row == 0 else self._end
            self._row, self._time = int(found[1]), self._cell
            self._rows += [[] for _ in range(min(self._row, HIGHEST) + 1 - len(self._rows))]
            self._row = min(self._row, len(self._rows) - 1)
        elif CHORD.fullmatch(token) is not None:
            self._chords.append((self._time, chord_symbol(token, self._key)))
        else:
            self._field(token)

    def _field(self, token: str) -> None:
        """Take what says how the notes are meant."""
        name, _, value = token.partition(":")
        shape = SHAPE.fullmatch(token)
        if token.startswith(STYLE):
            self._style = token.removeprefix(STYLE).replace("_", " ")
        elif token.startswith(METRE):
            self._metres.append((START, metre_of(token.removeprefix(METRE))))
        elif name == "metre":
            self._metres.append((self._time, metre_of(value)))
        elif name.startswith("key+"):
            mode, *extra = value.split(":")
            moved = key_at((int(name[4:]) + self._key.pitch_class) % 12, mode)
            self._keys.append((self._time, Key(moved.tonic, mode, tuple(extra))))
        elif name == "tempo":
            self._tempos.append((self._time, Fraction(value)))
        elif shape is not None and shape[1]:
            self._programs[int(shape[1])] = min(HIGHEST, int(shape[2]))
        elif shape is not None:
            self._drums.add(int(shape[3]))

    def _sound(self, kind: str, pitch: int, duration: Fraction, tied: bool) -> None:
        """Take a note, what sounds with it, a grace note or a rest."""
        fits = LOWEST <= pitch <= HIGHEST
        notes = self._rows[self._row]
        if kind == "with":
            self._together += [pitch] if fits else []
        elif kind == "grace":
            notes += [Note(self._time, duration, pitch, grace=True)] if fits else []
        else:
            pitches = [*self._together, *([pitch] if fits and kind == "note" else [])]
            before, held = self._tied.get(self._row, {}), {}
            for one in pitches if kind == "note" else []:
                place = before.pop(one, None)
                if place is not None and notes[place].end == self._time:
                    notes[place] = notes[place]._replace(duration=notes[place].duration + duration)
                else:
                    place = len(notes)
                    notes.append(Note(self._time, duration, one))
                held[one] = place
            self._together, self._tied[self._row] = [], held if tied else {}
            self._time += duration

    def _next_cell(self) -> None:
        """Go on with the first voice, where it stands."""
        at = self._time if self._row == 0 else self._end
        self._row, self._time, self._cell = 0, at, at

    def _line(self, sign: str) -> None:
        self._next_cell()
        if self._bars and self._bars[-1].onset == self._time:
            self._bars.pop()
        self._bars.append(Bar(self._time, sign))

    def _ending(self, ending: str) -> None:
        if self._bars and self._bars[-1].onset == self._time:
            self._bars[-1] = self._bars[-1]._replace(ending=ending)
        else:
            self._next_cell()
            self._bars.append(Bar(self._time, "", ending))

    def tune(self) -> Tune:
        """Return the tune."""
        voices = [
            Voice(in_order(notes), program=self._programs.get(k, 0), drums=k in self._drums)
            for k, notes in enumerate(self._rows)
            if notes
        ]
        if not voices:
            raise InputError("the events hold no note; give a tune with notes")
        at = self._time if self._row == 0 else self._end
        ends = [at, *(note.end for voice in voices for note in voice.notes)]
        return Tune(
            tuple(voices),
            changes(self._keys, self._key),
            changes(self._metres, Metre(0, 0)),
            tuple(self._tempos),
            tuple(self._bars),
            tuple(self._chords),
            max(ends),
            style=self._style,
        )
