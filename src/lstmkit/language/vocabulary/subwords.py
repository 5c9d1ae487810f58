"""A vocabulary of parts of words, learnt by sentencepiece."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.vocabulary.tokens import UNKNOWN

SPACE = "▁"
"""How sentencepiece shows the space before a piece."""
SIZE = 8000
"""Sub-words in a vocabulary unless something else is asked for."""
SENTENCE = 2000
"""Characters of a line that sentencepiece learns from at once; longer ones are cut at white space."""


@dataclass(frozen=True)
class Subwords:
    """Parts of words by the unigram model of sentencepiece (Kudo 2018), the unknown one, and the end of a line.

    A part that begins a word begins with "▁". Runs of white space count as one space, and that at both ends of a line
    does not count; else the text is taken as it is, without normalisation.

    model    the serialised sentencepiece model, with <unk> and </s>
    """

    model: bytes

    def __post_init__(self) -> None:
        if self.unknown < 0 or self.end < 0:
            raise ValueError("the sentencepiece model lacks <unk> or </s>")

    @property
    def unit(self) -> str:
        """What a token is."""
        return "subword"

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The V parts."""
        pieces: list[str] = self._processor.id_to_piece(list(range(self._processor.get_piece_size())))
        return tuple(pieces)

    @cached_property
    def unknown(self) -> int:
        """The id of <unk>."""
        return int(self._processor.unk_id())

    @cached_property
    def end(self) -> int:
        """The id of </s>, which ends a line."""
        return int(self._processor.eos_id())

    @classmethod
    def learn(cls, lines: Iterable[str], size: int | None = None) -> Subwords:
        """Return the parts of the words of a text; the same text gives the same parts.

        lines    the text in order, a line or any number of lines at a time
        size     tokens in all, <unk> and </s> included; None means 8000, or as many as the text supports
        Raises   InputError if sentencepiece is not installed, if the text has no words, or if it supports fewer, or has
                 more different characters: each of them is a token
        Source   Kudo 2018 (unigram model); Kudo & Richardson 2018 (sentencepiece)
        """
        trainer = _sentencepiece().SentencePieceTrainer
        written = io.BytesIO()
        try:
            trainer.train(
                sentence_iterator=_sentences(lines),
                model_writer=written,
                vocab_size=SIZE if size is None else size,
                hard_vocab_limit=size is not None,
                model_type="unigram",
                normalization_rule_name="identity",
                character_coverage=1.0,
                max_sentence_length=8 * SENTENCE,
                num_threads=1,
                unk_id=0,
                eos_id=1,
                bos_id=-1,
                pad_id=-1,
                unk_surface=UNKNOWN,
                minloglevel=2,
            )
        except RuntimeError as error:
            raise InputError(_one_line(str(error), SIZE if size is None else size)) from error
        return cls(written.getvalue())

    @classmethod
    def of(cls, model: str, symbols: tuple[str, ...]) -> Subwords:
        """Return the vocabulary of which `config` says this.

        model    in base64
        symbols  the V parts
        Raises   ValueError if it is none; InputError if sentencepiece is not installed
        """
        try:
            tokens = cls(base64.b64decode(model, validate=True))
        except RuntimeError as error:
            raise ValueError("not a sentencepiece model") from error
        if tokens.symbols != symbols:
            raise ValueError("the symbols are not those of the sentencepiece model")
        return tokens

    def encode(self, text: str, closed: bool = True) -> NDArray[np.int32]:
        r"""Return the ids of a text; each "\n" becomes </s>.

        text     of any number of lines
        closed   whether a last line without "\n" is ended too
        Returns  (T,)
        """
        lines = text.split("\n")
        encoded: list[list[int]] = self._processor.encode(lines, out_type=int, num_threads=1)
        ids: list[int] = []
        for line in encoded[:-1]:
            ids += line
            ids.append(self.end)
        ids += encoded[-1]
        if lines[-1] and closed:
            ids.append(self.end)
        return np.array(ids, dtype=np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        r"""Return the text of ids; </s> becomes "\n"."""
        lines: list[list[int]] = [[]]
        for token in ids:
            if token == self.end:
                lines.append([])
            else:
                lines[-1].append(int(token))
        return "\n".join(self._processor.decode(line) for line in lines)

    def pieces(self, line: str) -> list[str]:
        """Return the parts of a line as they stand in it, "▁" for the space before one; unknown ones too."""
        found: list[str] = self._processor.encode(line, out_type=str, num_threads=1)
        return found

    def ways(self, word: str, most: int) -> tuple[list[list[int]], list[float]]:
        """Return the likeliest ways to divide a word into parts, and natural logarithms of their probabilities."""
        found: list[list[int]] = self._processor.nbest_encode(word, nbest_size=most, out_type=int)
        return found, [sum(self._processor.get_score(part) for part in way) for way in found]

    def config(self) -> dict[str, Any]:
        """Return what `tokens_from` needs."""
        return {
            "unit": self.unit,
            "symbols": list(self.symbols),
            "model": base64.b64encode(self.model).decode("ascii"),
        }

    @cached_property
    def _processor(self) -> Any:
        return _sentencepiece().SentencePieceProcessor(model_proto=self.model)


def _sentencepiece() -> Any:
    try:
        import sentencepiece
    except ImportError as error:
        raise InputError("sub-word vocabularies need the package sentencepiece: pip install 'lstmkit[text]'") from error
    return sentencepiece


def _sentences(pieces: Iterable[str]) -> Iterator[str]:
    """Yield lines without their ends, long ones in parts."""
    for piece in pieces:
        for line in piece.split("\n"):
            while len(line) > SENTENCE:
                cut = line.rfind(" ", 1, SENTENCE)
                cut = SENTENCE if cut < 0 else cut
                yield line[:cut]
                line = line[cut:]
            if line.strip():
                yield line


def _one_line(message: str, size: int) -> str:
    """Return what the trainer found wrong, as one line of ours that names the sizes that are possible."""
    if at_most := re.search(r"value <= (\d+)", message):
        return f"vocabulary size {size}: more sub-words than the text supports; choose at most {at_most[1]}"
    if needed := re.search(r"required_chars\D*\d+ vs (\d+)", message) or re.search(r"required_chars\D*(\d+)", message):
        return f"vocabulary size {size}: fewer sub-words than the text has characters; choose at least {needed[1]}"
    if "sentences_.empty()" in message:
        return "the training part holds no words; give a longer text"
    return f"vocabulary size {size}: sentencepiece cannot learn from this text ({' '.join(message.split())})"
