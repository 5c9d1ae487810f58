"""`TextClassifier`: learn classes or numbers of texts from a table, answer for others, save it, load it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.classification.labels import TASKS, Coding, hold_back
from lstmkit.classification.learning import answers, checkpoint_at, fit_network
from lstmkit.classification.network import Ensemble
from lstmkit.errors import InputError, require_fit
from lstmkit.language.classify.network import Shape, text_ensemble
from lstmkit.language.classify.persistence import read_classifier, write_classifier
from lstmkit.language.classify.settings import ClassifierSettings
from lstmkit.language.classify.start import Beginning
from lstmkit.language.classify.table import Columns, Rows, open_table, read_rows
from lstmkit.language.text.rows import encode_texts, joined
from lstmkit.language.vocabulary import Tokens, Words
from lstmkit.language.vocabulary.splitting import splitter
from lstmkit.ranges import SEED, a_path, whole
from lstmkit.sequences import Examples
from lstmkit.training import EpochRecord, Parameters
from lstmkit.training.checkpoint import until_done

VALID_SHARE = 0.1


class TextClassifier(Parameters):
    """Tell classes of texts or of pairs of texts, or a number for each, by a recurrent network.

    settings  size and training of the network
    task      "classes", or "number" for regression
    seed      of the weights, the rows that are held back, the order of the rows, and dropout
    Raises    InputError if there is no such task, or the seed is negative

    After `fit`: `tokens_` (the vocabulary), `network_`, `coding_` (what labels mean), `classes_` (sorted; empty for
    numbers), `columns_`, `history_` (a record per epoch).
    """

    def __init__(self, settings: ClassifierSettings | None = None, task: str = "classes", seed: int = 0) -> None:
        if task not in TASKS:
            raise InputError(f"task must be one of {', '.join(TASKS)}; got {task!r}")
        self.settings = ClassifierSettings() if settings is None else settings
        self.task = task
        self.seed = whole("seed", seed, SEED)

    def fit(
        self,
        table: Any,
        text: str = "sentence",
        label: str = "label",
        pair: str | None = None,
        valid: Any = None,
        start: Any = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        header: bool = True,
        delimiter: str | None = None,
        decimal: str | None = None,
    ) -> TextClassifier:
        """Learn from a table; earlier fits are forgotten.

        table       polars, pandas or pyarrow table, or the path of a CSV, TSV or Parquet file
        text        column of the texts
        label       column of the classes or numbers
        pair        column of the second texts, if pairs are to be told
        valid       table or path for early stopping; None holds back a tenth of the rows, at random, of every class
        start       fitted `LanguageModel`, or its folder: the network begins with its words and its layers
        on_epoch    called with every `EpochRecord`
        checkpoint  file that keeps the state of the training after every epoch; removed when it is complete
        resume      continue from that file, if it exists, to the same weights as without the interruption
        header      whether the first line of a file names the columns; else they are column_1, column_2, ...
        delimiter   between the columns of a file of text; None finds it
        decimal     "." or ",": before decimals in labels that are numbers written as text; None finds it
        Returns     self
        Raises      InputError if something given cannot be used; one line that says why, where and how to mend it
        """
        columns = Columns(text, label, pair, header)
        rows, held = (
            None if part is None else read_rows(open_table(part, header, own)[0], columns, True, decimal)
            for part, own in ((table, delimiter), (valid, delimiter if isinstance(valid, str | Path) else None))
        )
        assert rows is not None
        with until_done(checkpoint) as path:
            self.fit_rows(rows, held, columns, start, on_epoch, path, resume)
        return self

    def fit_rows(
        self,
        rows: Rows,
        held: Rows | None,
        columns: Columns,
        start: Any = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        checkpoint: Path | None = None,
        resume: bool = False,
    ) -> TextClassifier:
        """Learn from rows that have been read; as `fit`, but the checkpoint stays."""
        if held is None:
            rows, held = self.split(rows, columns, VALID_SHARE)
        self.columns_ = columns
        self.coding_ = Coding.learn(_labels(rows), columns.label, self.task, rows.whole)
        targets, wanted = self.targets(rows, "training"), self.targets(held, "validation")
        beginning = None if start is None else Beginning.of(start)
        network = self._build(rows, beginning)
        training, validation = self._encode(rows, targets), self._encode(held, wanted)
        own = {"task": self.task, "seed": self.seed, "classes": list(self.classes_)}
        kept = checkpoint_at(checkpoint, self.settings, own, network, training, validation)
        shares = None if beginning is None else beginning.rate_share(self.settings.start_rate)
        self.history_ = fit_network(
            network, self.settings, training, validation, self.seed, kept, resume, on_epoch, shares
        )
        self.network_ = network
        return self

    def split(self, rows: Rows, columns: Columns, share: float) -> tuple[Rows, Rows]:
        """Return the rows without a share of every class, cut off at random by the seed, and that share.

        Raises  InputError if nothing would be cut off
        """
        kept, cut = hold_back(_labels(rows), columns.label, self.task, share, self.seed)
        return rows.select(kept), rows.select(cut)

    def targets(self, rows: Rows, part: str) -> Tensor:
        """Return what the network learns: places among the classes (N,) int64, or standardised numbers, float32.

        part    named where a label cannot be used
        """
        return self.coding_.targets(_labels(rows), part)

    def predict(self, table: Any, header: bool | None = None, delimiter: str | None = None) -> Any:
        """Answer for every row of a table.

        table    with the text columns that were given to `fit`, or the path of such a file
        header, delimiter  as in `fit`; None for the header: as there
        Returns  a table of the kind given: `label` and a probability for each class, `p_` and its name; or `value`
        Raises   NotFittedError before `fit`; InputError if a column is not there
        """
        rows, kind = self._read(table, header, delimiter, False)
        return nw.from_dict(self.coding_.columns(self.answers(rows)), backend=kind).to_native()

    def score(self, table: Any, header: bool | None = None, delimiter: str | None = None) -> dict[str, float]:
        """Return the scores on a table with labels: accuracy, f1, f1_positive, matthews; or rmse, pearson, spearman.

        f1 is the mean over the classes, f1_positive that of the second of two.
        """
        rows, _ = self._read(table, header, delimiter, True)
        return self.coding_.scores(self.truth(rows), self.answers(rows))

    def truth(self, rows: Rows) -> NDArray[Any]:
        """Return the places among the classes (N,), or the numbers as they are in the table."""
        return self.coding_.truth(_labels(rows))

    def answers(self, rows: Rows) -> NDArray[np.float64]:
        """Return probabilities (N, K), or numbers in the units of the table (N, 1)."""
        return self.coding_.restored(answers(self.network_, self._encode(rows, torch.empty(0)), self.settings))

    def explain(self, table: Any, header: bool | None = None, delimiter: str | None = None) -> Any:
        """Return how much each word weighed in the answer for each row.

        table    as in `predict`
        Returns  a table of the kind given: `row` (from 1), `column` of the text, `word`, `weight`; the weights of a
                 text sum to one
        Raises   InputError if the network does not pool by attention
        """
        rows, kind = self._read(table, header, delimiter, False)
        parts = self.word_weights(rows)
        columns: dict[str, list[Any]] = {"row": [], "column": [], "word": [], "weight": []}
        for row, sides in enumerate(parts, 1):
            for name, words in zip(self.columns_.sides, sides, strict=True):
                for word, weight in words:
                    for key, value in zip(columns, (row, name, word, weight), strict=True):
                        columns[key].append(value)
        return nw.from_dict(columns, backend=kind).to_native()

    def word_weights(self, rows: Rows) -> list[tuple[list[tuple[str, float]], ...]]:
        """Return for each row and side the words that were read, with their weights."""
        self.require_attention()
        encoded = self._encode(rows, torch.empty(0))
        found: list[tuple[list[tuple[str, float]], ...]] = []
        with torch.no_grad():
            for items in torch.split(torch.arange(len(rows)), 64):
                weights = self.network_.weights(encoded.batch(items.numpy()))
                for place, row in enumerate(items.tolist()):
                    found.append(
                        tuple(
                            list(zip(self._words(texts[row]), own[place].tolist(), strict=False))
                            for texts, own in zip(rows.texts, weights, strict=True)
                        )
                    )
        return found

    def require_attention(self) -> None:
        """Raise InputError if the network does not weigh words."""
        if self.settings.pooling != "attention":
            raise InputError(
                f"explain: this model pools by {self.settings.pooling}; train one with pooling attention, which weighs "
                f"the words"
            )

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write the model folder `path`: model.safetensors and config.json.

        Raises  NotFittedError before `fit`; ModelFolderError if it exists and not `force`, or cannot be written
        """
        require_fit(self, "network_")
        config = {
            "task": self.task,
            "seed": self.seed,
            "settings": dataclasses.asdict(self.settings),
            "shape": dataclasses.asdict(self.shape_),
            "columns": dataclasses.asdict(self.columns_),
            **self.coding_.config(),
            "lowercase": self.lowercase_,
            "tokens": self.tokens_.config(),
            "history": [record.to_json() for record in self.history_],
        }
        write_classifier(a_path("path", path), config, self.network_, force)

    @staticmethod
    def load(path: str | Path) -> TextClassifier:
        """Read a model folder written by `save`, or one within results; nothing in it is executed or unpickled.

        Raises  ModelFolderError if it is missing, damaged, of another kind, or from a newer version
        """
        config, tokens, network = read_classifier(a_path("path", path))
        classifier = TextClassifier(config.settings, config.task, config.seed)
        classifier.columns_ = config.columns
        classifier.coding_ = config.coding()
        classifier.lowercase_ = config.lowercase
        classifier.tokens_ = tokens
        classifier.shape_ = config.shape
        classifier.network_ = network
        classifier.history_ = [record.record() for record in config.history]
        return classifier

    @property
    def classes_(self) -> tuple[str, ...]:
        """The classes in the order of the probabilities; none for numbers."""
        return self.coding_.classes

    def _build(self, rows: Rows, beginning: Beginning | None) -> Ensemble:
        """Return an untrained network, and learn the vocabulary for it."""
        how = self.settings
        self.lowercase_ = beginning is None if how.lowercase is None else how.lowercase
        texts = [text for side in rows.texts for text in side]
        if beginning is None:
            lines = [joined(texts, self.lowercase_)]
            self.tokens_: Tokens = Words.learn(lines, "auto", how.min_count, how.max_words)
        else:
            self.tokens_ = beginning.tokens_for(texts, self.lowercase_, how.min_count)
        self.shape_ = Shape(
            symbols=len(self.tokens_.symbols),
            unknown=self.tokens_.unknown,
            end=self.tokens_.end,
            outputs=self.coding_.outputs,
            sides=len(rows.texts),
            width=how.embedding_size if beginning is None else beginning.embedding.shape[1],
            start=() if beginning is None else beginning.shapes(),
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = text_ensemble(how, self.shape_)
            if beginning is not None:
                beginning.copy_into(network)
        return network

    def _encode(self, rows: Rows, targets: Tensor) -> Examples:
        most = self.settings.max_length
        return Examples(tuple(encode_texts(self.tokens_, s, self.lowercase_, most) for s in rows.texts), targets)

    def _words(self, text: str) -> list[str]:
        """Return the words of a text as they are shown."""
        line = joined([text], self.lowercase_).rstrip("\n")
        if isinstance(self.tokens_, Words):
            return splitter(self.tokens_.split)(line)
        return [self.tokens_.symbols[token] for token in self.tokens_.encode(line, closed=False)]

    def _read(self, table: Any, header: bool | None, delimiter: str | None, labelled: bool) -> tuple[Rows, Any]:
        require_fit(self, "network_")
        frame, kind = open_table(table, self.columns_.header if header is None else header, delimiter)
        return read_rows(frame, self.columns_, labelled), kind


def _labels(rows: Rows) -> list[str]:
    """Return the labels of rows that were read with them."""
    assert rows.labels is not None
    return rows.labels
