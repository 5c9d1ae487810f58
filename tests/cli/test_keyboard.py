"""Keys read from a terminal, which here is one end of a pseudo-terminal, and what is drawn on it."""

from __future__ import annotations

import io
import os
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lstmkit.cli.language.keyboard import (
    BACKSPACE,
    ENTER,
    TAB,
    Keyboard,
    SuggestionScreen,
    terminal,
    type_along,
)
from lstmkit.language.suggestions import Suggestion

pty = pytest.importorskip("pty", reason="no pseudo-terminals on this system")


@pytest.fixture
def line() -> Iterator[tuple[int, int]]:
    """Both ends of a pseudo-terminal: that of who types, and that of the program."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


@contextmanager
def typing(line: tuple[int, int], typed: bytes) -> Iterator[Keyboard]:
    """A keyboard on which something is typed as soon as it listens, and Ctrl-D after it."""
    with Keyboard(line[1]) as keyboard:
        writer = threading.Thread(target=os.write, args=(line[0], typed + b"\x04"))
        writer.start()
        yield keyboard
        writer.join()


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        (b"ab 1", ["a", "b", " ", "1"]),
        ("größe€𝄞".encode(), list("größe€𝄞")),
        (b"a\tb\x7f\b", ["a", TAB, "b", BACKSPACE, BACKSPACE]),
        (b"a\rb\nc", ["a", ENTER, "b", ENTER, "c"]),
        (b"a\x1b[Ab\x1b[1;5Cc\x1bOPd\x1b[3~e", ["a", "b", "c", "d", "e"]),
        (b"a\x03b", ["a"]),
        (b"a\x01\x16b", ["a", "b"]),
    ],
)
def test_keys_come_one_at_a_time(line, typed, keys):
    with typing(line, typed) as keyboard:
        assert list(keyboard.read_keys()) == keys


def test_what_is_typed_is_not_shown_and_the_terminal_is_put_back(line):
    before = termios.tcgetattr(line[1])
    during = []

    def type_until_it_breaks() -> None:
        with typing(line, b"secret") as keyboard:
            during.extend(termios.tcgetattr(line[1]))
            assert list(keyboard.read_keys()) == list("secret")
            raise RuntimeError("something broke")

    with pytest.raises(RuntimeError, match="something broke"):
        type_until_it_breaks()
    assert during[3] & (termios.ECHO | termios.ICANON | termios.ISIG) == 0
    assert termios.tcgetattr(line[1]) == before
    assert before[3] & termios.ECHO and before[3] & termios.ICANON


def test_a_terminal_that_has_gone_ends_the_keys():
    typist, program = pty.openpty()
    with Keyboard(program) as keyboard:
        os.write(typist, b"ab")
        keys = keyboard.read_keys()
        assert [next(keys), next(keys)] == ["a", "b"]
        os.close(typist)
        assert list(keys) == []
    os.close(program)


class ThreeWords:
    """Suggests king, kings and kingdom, as far as they begin with what the last word begins with."""

    def unfinished(self, text: str) -> str:
        return "" if not text or text[-1].isspace() else text.split()[-1]

    def suggest(self, text: str) -> list[Suggestion]:
        begun = self.unfinished(text)
        words = {"king": 0.5, "kings": 0.25, "kingdom": 0.125}
        return [Suggestion(word, p) for word, p in words.items() if word.startswith(begun)]


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        (b"the k", "the k"),
        (b"the \t", "the king "),
        (b"the k\tof", "the king of"),
        (b"the k3", "the kingdom "),
        (b"the kings1!", "the kings !"),
        (b"4", "4"),
        (b"x1\t", "x1"),
        (b"ab\x7f\x7f\x7fc", "c"),
        (b"k\rk\x7f\x7f2", "k\nkings "),
    ],
)
def test_suggestions_are_taken_by_tab_and_by_number(line, typed, text):
    with typing(line, typed) as keyboard:
        assert type_along(keyboard, ThreeWords(), SuggestionScreen(io.StringIO())) == text


def test_a_text_to_begin_with_is_continued(line):
    with typing(line, b"ki\t") as keyboard:
        assert type_along(keyboard, ThreeWords(), SuggestionScreen(io.StringIO()), "the ") == "the king "


class Glass:
    """As much of a terminal as the screen needs: a grid of characters, a cursor, and four commands."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = [[]]
        self.row = self.column = 0

    def read(self, written: str) -> list[str]:
        k = 0
        while k < len(written):
            if written[k] == "\x1b":
                end = next(i for i in range(k + 2, len(written)) if written[i].isalpha())
                self._command(written[end], int(written[k + 2 : end] or 1))
                k = end
            elif written[k] == "\r":
                self.column = 0
            elif written[k] == "\n":
                self.row += 1
                self.rows += [[]] * 0 if self.row < len(self.rows) else [[]]
            else:
                cells = self.rows[self.row]
                cells += [" "] * (self.column + 1 - len(cells))
                cells[self.column] = written[k]
                self.column += 1
            k += 1
        return ["".join(row) for row in self.rows]

    def _command(self, letter: str, count: int) -> None:
        if letter == "J":
            del self.rows[self.row][self.column :], self.rows[self.row + 1 :]
        elif letter == "A":
            self.row -= count
        else:
            assert letter == "C"
            self.column += count


def test_suggestions_stand_under_the_text_and_the_cursor_after_it():
    stream, glass = io.StringIO(), Glass()
    screen = SuggestionScreen(stream)
    screen.show("first\nthe k", ThreeWords().suggest("k"), 0.44)
    screen.show("first\nthe ki", [Suggestion("king", 0.5)], 12.0)
    assert glass.read(stream.getvalue()) == ["the ki", "1 king 50 %   12.0 ms"]
    assert (glass.row, glass.column) == (0, 6)


def test_a_finished_line_stays_and_the_suggestions_go():
    stream, glass = io.StringIO(), Glass()
    screen = SuggestionScreen(stream)
    screen.show("the k", [Suggestion("king", 0.5)], 1.0)
    screen.finish("the k")
    screen.show("the k\n", [], 1.0)
    assert glass.read(stream.getvalue()) == ["the k", "", "1.0 ms"]
    assert (glass.row, glass.column) == (1, 0)


def test_long_lines_never_wrap(monkeypatch):
    monkeypatch.setenv("COLUMNS", "12")
    stream, glass = io.StringIO(), Glass()
    SuggestionScreen(stream).show("a long line of text", ThreeWords().suggest(""), 1.0)
    assert glass.read(stream.getvalue()) == ["ine of text", "1 king 50 %"]
    stream = io.StringIO()
    SuggestionScreen(stream).show("ab漢字漢字漢字", [], 1.0)
    assert stream.getvalue().split("\r\n")[0] == "\r\x1b[J字漢字漢字"


def test_standard_input_that_is_no_terminal_has_no_keys(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("the king\n"))
    assert terminal() is None
