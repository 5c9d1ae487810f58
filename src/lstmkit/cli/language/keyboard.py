"""A terminal that is typed into key by key, and a line of suggestions under what is typed."""

from __future__ import annotations

import codecs
import contextlib
import os
import select
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from rich.cells import cell_len, chop_cells

from lstmkit.errors import InputError
from lstmkit.visible import visible_line

if TYPE_CHECKING:
    from lstmkit.language.suggestions import Suggester, Suggestion

TAB, ENTER, BACKSPACE, ESCAPE = "\t", "\n", "\x7f", "\x1b"
LEAVE = frozenset("\x03\x04")
"""Ctrl-C and Ctrl-D."""
ESCAPE_SECONDS = 0.02
"""Within this time after Escape come the other characters of an arrow key and its like."""


class Keyboard:
    """Keys of a terminal, one at a time and not shown; on leaving, the terminal is as it was.

    descriptor  of the terminal
    Raises      InputError on entering, if the system has no terminals of this kind
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._saved: list[Any] = []

    def __enter__(self) -> Keyboard:
        """Take the keys as they are typed."""
        try:
            import termios
            import tty
        except ImportError as error:
            raise InputError("keys can be read one by one on Linux and macOS only; pipe lines of text in") from error
        self._saved = termios.tcgetattr(self._descriptor)
        tty.setcbreak(self._descriptor)
        mode = termios.tcgetattr(self._descriptor)
        mode[3] &= ~(termios.ISIG | termios.IEXTEN)  # Ctrl-C is a key too, so that leaving is tidy
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, mode)
        return self

    def __exit__(self, *_: object) -> None:
        """Put the terminal back."""
        import termios

        with contextlib.suppress(termios.error):  # a terminal that has gone needs nothing
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._saved)

    def read_keys(self) -> Iterator[str]:
        """Yield characters, TAB, ENTER and BACKSPACE, and no other keys, until Ctrl-C, Ctrl-D or the end of input."""
        decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        while True:
            read = self._read()
            key = decoder.decode(read)
            if not read or key in LEAVE:
                return
            if key == ESCAPE:
                self._skip_sequence()
            elif key in ("\r", "\n"):
                yield ENTER
            elif key in ("\x7f", "\b"):
                yield BACKSPACE
            elif key == TAB or (key and key.isprintable()):
                yield key

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, 1)
        except OSError:  # the other end of the terminal has gone
            return b""

    def _skip_sequence(self) -> None:
        """Read what follows Escape at once: [ or O, then parameters, then one character from @ to ~."""
        first = True
        while select.select([self._descriptor], [], [], ESCAPE_SECONDS)[0]:
            read = self._read()
            if not read or (not (first and read in (b"[", b"O")) and b"@" <= read <= b"~"):
                return
            first = False


class SuggestionScreen:
    """What is typed, and under it the suggestions; both redrawn in place.

    stream  of a terminal
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, text: str, suggestions: Sequence[Suggestion], milliseconds: float) -> None:
        """Draw the last line of the text, and the suggestions with the time they took."""
        line = self._line(text)
        words = [f"{number} {one.text} {100 * one.probability:.0f} %" for number, one in enumerate(suggestions, 1)]
        below = _first_cells(visible_line("   ".join([*words, f"{milliseconds:.1f} ms"])), self._columns() - 1)
        right = f"\x1b[{cell_len(line)}C" if line else ""
        self._write(f"\r\x1b[J{line}\r\n{below}\r\x1b[A{right}")

    def finish(self, text: str) -> None:
        """Leave the last line of the text as it is, and go to a new one."""
        self._write(f"\r\x1b[J{self._line(text)}\r\n")

    def _line(self, text: str) -> str:
        """Return the end of the last line, as much as there is room for."""
        return _first_cells(visible_line(text.rsplit("\n", 1)[-1])[::-1], self._columns() - 1)[::-1]

    def _columns(self) -> int:
        return max(2, shutil.get_terminal_size().columns)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _first_cells(text: str, cells: int) -> str:
    """Return the beginning of a text that is at most so many cells wide."""
    return chop_cells(text, cells)[0] if text else ""


def type_along(keyboard: Keyboard, suggester: Suggester, screen: SuggestionScreen, text: str = "") -> str:
    """Suggest at each key until it is enough.

    Tab takes the first suggestion, a digit the one with its number, if there is one; both put a space after it.

    text     to begin with
    Returns  the text that was typed
    """
    suggestions = _suggest(suggester, screen, text)
    for key in keyboard.read_keys():
        chosen = 0 if key == TAB else int(key) - 1 if key in "123456789" else len(suggestions)
        if chosen < len(suggestions):
            begun = suggester.unfinished(text)
            text = text[: len(text) - len(begun)] + suggestions[chosen].text + " "
        elif key == BACKSPACE:
            # What has been ended by Enter stands above and is no longer drawn.
            text = text if text.endswith("\n") else text[:-1]
        elif key == ENTER:
            screen.finish(text)
            text += "\n"
        elif key != TAB:
            text += key
        suggestions = _suggest(suggester, screen, text)
    screen.finish(text)
    return text


def _suggest(suggester: Suggester, screen: SuggestionScreen, text: str) -> list[Suggestion]:
    begin = time.perf_counter()
    found = suggester.suggest(text)
    screen.show(text, found, 1e3 * (time.perf_counter() - begin))
    return found


def terminal() -> int | None:
    """Return the descriptor of standard input if it is a terminal, else None."""
    return sys.stdin.fileno() if sys.stdin.isatty() else None
