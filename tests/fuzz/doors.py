"""The doors of the program, and how each is tried: what may come in, and what is done with it.

A door takes one damaged input and either accepts it or refuses it in one line; `limits.accepted` holds it to that. What
is accepted must be whole: finite numbers, times in order.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from caption_doors import CAPTIONS, open_captions, use_captioner
from hypothesis import strategies as st
from model_doors import (
    PARAMETERS,
    folder_door,
    open_checkpoint,
    open_commands,
    open_python,
    open_study,
    use_classifier,
    use_forecaster,
    use_language,
)
from music_doors import MUSIC, open_music, use_composer
from mutations import BYTES, POSITION, TEXT, changes
from sequence_doors import FORMS, open_sequences, use_sequence_classifier
from speech_doors import LISTS, READY, SOUNDS, open_lists, open_ready, open_sounds, use_recogniser
from table_doors import (
    ALL_SETTINGS,
    KINDS,
    NAMES,
    Run,
    open_arpa,
    open_frames,
    open_onnx,
    open_parquet,
    open_rows,
    open_text,
    table_door,
)
from translate_doors import open_pairs, use_translator
from video_doors import BODIES, FILMS, open_bodies, open_films


class Door(NamedTuple):
    """A way in.

    inputs  strategy of what is tried
    open    makes what the door needs in an empty folder, once a process, and returns what takes an input
    share   of the inputs of a long run: what is slow gets few
    """

    inputs: st.SearchStrategy[Any]
    open: Callable[[Path], Run]
    share: float


FRAMES = st.tuples(
    st.integers(0, 60), POSITION, st.dictionaries(st.sampled_from(NAMES), st.sampled_from(sorted(KINDS)), max_size=3)
)  # fmt: skip


TABLES = ("table.csv", "panel.csv", "wide.csv", "months.tsv", "numbers.csv")
WHICH = st.integers(0, len(ALL_SETTINGS) - 1)
ANY_TEXT, ANY_BYTES = changes(tuple(TEXT)), changes(tuple(BYTES))
FOLDER = st.tuples(
    st.sampled_from(("config", "config", "tensors", "tensors", "both", "header", "bytes", "raw")), ANY_BYTES
)

DOORS = {
    "csv": Door(st.tuples(st.integers(0, len(TABLES) - 1), WHICH, ANY_TEXT), table_door(TABLES), 22),
    "tsf": Door(st.tuples(st.just(0), WHICH, ANY_TEXT), table_door(("monthly.tsf",)), 8),
    "parquet": Door(st.tuples(WHICH, st.one_of(st.just([]), ANY_BYTES), FRAMES), open_parquet, 8),
    "frames": Door(st.tuples(WHICH, st.sampled_from(("polars", "pandas", "arrow")), FRAMES), open_frames, 8),
    "text": Door(st.tuples(st.sampled_from(("word", "character")), ANY_TEXT), open_text, 10),
    "rows": Door(
        st.tuples(st.sampled_from(("rows.csv", "rows.tsv", "rows.jsonl")), st.booleans(), ANY_TEXT), open_rows, 16
    ),
    "sequences": Door(st.tuples(st.sampled_from(sorted(FORMS)), ANY_BYTES), open_sequences, 10),
    "sequence classifier": Door(FOLDER, folder_door("sequences", use_sequence_classifier), 4),
    "recogniser": Door(FOLDER, folder_door("recogniser", use_recogniser), 4),
    "sounds": Door(st.tuples(st.sampled_from(sorted(SOUNDS)), ANY_BYTES), open_sounds, 8),
    "lists": Door(st.tuples(st.sampled_from(sorted(LISTS)), ANY_BYTES), open_lists, 8),
    "ready": Door(st.tuples(st.sampled_from(READY), ANY_BYTES), open_ready, 4),
    "films": Door(st.tuples(st.sampled_from(sorted(FILMS)), ANY_BYTES), open_films, 4),
    "bodies": Door(st.tuples(st.sampled_from(BODIES), ANY_BYTES), open_bodies, 6),
    "music": Door(st.tuples(st.sampled_from(sorted(MUSIC)), ANY_BYTES), open_music, 8),
    "composer": Door(FOLDER, folder_door("music", use_composer), 4),
    "arpa": Door(ANY_TEXT, open_arpa, 16),
    "forecaster": Door(FOLDER, folder_door("forecaster", use_forecaster), 6),
    "language": Door(FOLDER, folder_door("language", use_language), 6),
    "classifier": Door(FOLDER, folder_door("classifier", use_classifier), 5),
    "translator": Door(FOLDER, folder_door("translator", use_translator), 4),
    "pairs": Door(st.tuples(st.integers(0, 1), ANY_TEXT), open_pairs, 4),
    "captioner": Door(FOLDER, folder_door("captioner", use_captioner), 4),
    "captions": Door(st.tuples(st.sampled_from(sorted(CAPTIONS)), ANY_BYTES), open_captions, 4),
    "checkpoint": Door(st.tuples(st.sampled_from(("progress", "tensors", "raw")), ANY_BYTES), open_checkpoint, 2),
    "study": Door(st.tuples(st.booleans(), ANY_BYTES), open_study, 0.3),
    "command": Door(
        st.tuples(st.integers(0, 50), st.lists(st.tuples(POSITION, POSITION), max_size=3)), open_commands, 0.5
    ),
    "python": Door(
        st.tuples(
            st.sampled_from(sorted(PARAMETERS)),
            st.lists(st.integers(0, 99), min_size=1, max_size=2),
            st.lists(st.integers(0, 99), min_size=2, max_size=2),
        ),
        open_python,
        1,
    ),
    "onnx": Door(ANY_BYTES, open_onnx, 1),
}
