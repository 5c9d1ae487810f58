"""Clips and what is said of each: from a table with a row a caption, or from a file of captions beside the clips."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lstmkit.classification.reading import Labelled
from lstmkit.data.content import free_memory, is_table, read_bytes
from lstmkit.data.listed import column_called, fact_of, texts_of
from lstmkit.data.native import to_polars
from lstmkit.data.read import read_with_notes
from lstmkit.data.series import shorten
from lstmkit.errors import InputError
from lstmkit.ranges import a_path
from lstmkit.sequences import cut_off, cut_off_groups
from lstmkit.video.clips import CALLED, Clip, Clips, file_column, read_clips, require_file_column
from lstmkit.video.film import seconds_of
from lstmkit.video.pictures import PictureSettings
from lstmkit.video.rows import Asked, Kind, Watch, frame_rows, holds_skeletons

SHARE = 0.25
"""Of the free memory that a file of captions may take."""
CAPTIONS = ("caption", "captions", "sentence", "sentences", "description")
"""What captions may be called in a file of them."""
NAMES = (*CALLED["name"], *CALLED["file"])
"""What clips may be called there."""
MARKS = ".!?。！？"  # noqa: RUF001


@dataclass(frozen=True)
class Captioned:
    """Clips as frames, with what is said of each.

    rows      their frames, names and sources
    captions  of each, at least one; none where none are needed
    clips     the files that they are of, if each is of one
    notes     what was noticed
    """

    rows: Labelled
    captions: tuple[tuple[str, ...], ...]
    clips: Clips | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, rows: NDArray[np.int64]) -> Captioned:
        """Return some of the clips, without the files that they are of."""
        return Captioned(self.rows.select(rows), tuple(self.captions[row] for row in rows.tolist()))

    def split(self, share: float, seed: int) -> tuple[Captioned, Captioned]:
        """Return the clips without a share, cut off at random by the seed, in whole groups, and that share.

        Raises  InputError if nothing would be cut off
        """
        groups, alike = self.rows.groups, np.zeros(len(self), np.int64)
        several = groups is not None and len(set(groups)) > 1
        kept, cut = cut_off_groups(groups or [], alike, share, seed) if several else cut_off(alike, share, seed)
        if not len(cut):
            raise InputError(
                f"{len(self):,} clips are too few to hold back {100 * share:.3g} % of them; give others for it"
            )
        return self.select(kept), self.select(cut)


def read_captioned(
    source: Any,
    frames: Kind,
    asked: Asked,
    captions: Any = None,
    caption: str = "caption",
    cased: bool = False,
    cache: str | Path | None = None,
    watch: Watch | None = None,
    most: int | None = None,
) -> Captioned:
    """Return clips with what is said of each; of videos all that can be refused is, before a frame is computed.

    source    a table with a row a caption, the rows of one clip belonging together; or clips as `frame_rows` reads
              them, with a file of captions
    asked     what says of which source a clip is, and patterns of names
    captions  None: they are in the table; else the file of captions, or what is in it: JSON with an entry a clip, or a
              table with a row a caption; clips are found by their names, with or without folder and ending
    caption   column of the captions of a table
    cased     whether captions are kept as they are; else in lower case, without a last mark
    most      frames that a clip may have; None: any number
    Raises    InputError naming the clip or caption that cannot be used
    """
    if captions is None:
        given, told = _of_table(source, caption)
        place = str(source) if isinstance(source, str | Path) else "the table"
    else:
        given, place = source, str(captions) if isinstance(captions, str | Path) else "the captions"
        told = _told(captions, caption)
    clean = {name: cleaned(own, cased) for name, own in told.items()}
    if isinstance(frames, PictureSettings) and not holds_skeletons(given):
        seen = read_clips(given, None, asked.pattern)
        _captions_of(seen.names, clean, place)
        for one in seen.clips:
            _refuse_long(one.name, _frames_of(one, frames, most), most)
    rows, clips = frame_rows(given, frames, dataclasses.replace(asked, label=None, parted=True), cache, watch)
    found, used = _captions_of(rows.ids, clean, place)
    for name, length in zip(rows.ids, rows.frames.lengths.tolist(), strict=True):
        _refuse_long(name, length, most)
    notes = [*rows.notes]
    if len(used) < len(clean):
        notes.append(
            f"{place}: {len(clean) - len(used):,} of {len(clean):,} names of clips are not among the clips given"
        )
    return Captioned(rows, tuple(found), clips, tuple(notes))


def _captions_of(
    names: Sequence[str], told: Mapping[str, tuple[str, ...]], place: str
) -> tuple[list[tuple[str, ...]], set[str]]:
    """Return what `_matched` does; raise InputError if a clip has no caption."""
    found, used = _matched(names, told)
    lacking = [name for name, own in zip(names, found, strict=True) if not own]
    if lacking:
        raise InputError(
            f"{place}: {len(lacking):,} of {len(names):,} clips have no caption, first {lacking[0]!r}; add some, or "
            f"leave the clips out"
        )
    return found, used


def _frames_of(clip: Clip, how: PictureSettings, most: int | None) -> int:
    """Return how many frames a clip will have, by what its file says of its length; 0 where that is not known."""
    if how.count is not None or most is None:
        return how.count or 0
    if clip.end is not None and (clip.end - clip.start) * how.rate <= most:
        return 0  # few enough, however long the file is
    seconds = seconds_of(clip.path)
    if seconds is None:
        return 0
    return int((min(seconds, clip.end or seconds) - clip.start) * how.rate)


def _refuse_long(name: str, frames: int, most: int | None) -> None:
    if most is not None and frames > most:
        raise InputError(
            f"{name!r}: {frames:,} frames are more than the {most:,} that a clip to learn from may have; cut it into "
            f"parts with captions of their own, look at fewer pictures of it, or set longest_clip"
        )


def a_row_a_clip(source: Any) -> Any:
    """Return a table that lists files with a row a clip, the first where several are of one; anything else as it is."""
    found = _listed(source)
    return source if found is None else found[0].unique(found[1], keep="first", maintain_order=True)


def _of_table(source: Any, caption: str) -> tuple[pl.DataFrame, dict[str, list[str]]]:
    """Return a table with a row a clip, and the captions of each by its name."""
    found = _listed(source, caption)
    if found is None:
        what = "the clips" if isinstance(source, list | tuple) else source
        raise InputError(
            f"{what}: nothing says what is seen in the clips; give a table with a row a caption, or --captions"
        )
    texts, keys = found
    told: dict[str, list[str]] = {}
    for own, text in zip(texts["id"].to_list(), texts[caption].to_list(), strict=True):
        told.setdefault(own, []).append(text)
    return texts.unique(keys, keep="first", maintain_order=True), told


def _listed(source: Any, caption: str | None = None) -> tuple[pl.DataFrame, list[str]] | None:
    """Return a table that lists files as texts, with names of clips as `id`, and the columns that tell them apart.

    caption  column that it must have; one of lists becomes a row each
    Returns  None for what is no such table
    """
    if isinstance(source, list | tuple):
        return None
    path = a_path("the clips", source) if isinstance(source, str | Path) else None
    if path is not None and (path.is_dir() or not is_table(path)):
        return None
    frame = to_polars(source) if path is None else read_with_notes(path, texts=True).frame
    place, folder = ("the table", Path()) if path is None else (str(path), path.parent)
    if caption is not None and isinstance(frame.schema.get(caption), pl.List):
        frame = frame.explode(caption)
    texts = texts_of(frame)
    if caption is None and file_column(texts.columns) is None:
        return None
    if caption is not None:
        fact_of(dict.fromkeys(texts.columns, ()), caption, place)
    file = require_file_column(texts.columns, place)
    parts = [own for role in ("start", "end") if (own := column_called(texts.columns, CALLED[role])) is not None]
    named = column_called(texts.columns, CALLED["name"])
    name = pl.col(named) if named is not None else pl.concat_str([pl.col(own) for own in (file, *parts)], separator=" ")
    texts = texts.with_columns(name.str.strip_chars().alias("id"))
    if named is not None and named != "id":
        texts = texts.drop(named)
    whole = pl.when(pl.col(file) == "").then(pl.lit("")).otherwise(_absolute(folder, file))
    return texts.with_columns(whole.alias(file)), ["id", file, *parts]


def _absolute(folder: Path, file: str) -> pl.Expr:
    """Return the paths of a column from a folder on, those that begin at the root as they are."""
    inside = pl.lit(f"{folder.absolute()}/") + pl.col(file)
    return pl.when(pl.col(file).str.starts_with("/")).then(pl.col(file)).otherwise(inside)


def _told(given: Any, caption: str) -> dict[str, list[str]]:
    """Return captions by the name of the clip, from a file of them, or what is in one."""
    if isinstance(given, str | Path):
        path = a_path("the captions", given)
        if path.name.lower().removesuffix(".gz").endswith(".json"):
            return _of_json(_json(path), str(path))
        frame, place = read_with_notes(path, texts=True).frame, str(path)
    elif isinstance(given, Mapping | list | tuple):
        return _of_json(given, "the captions")
    else:
        frame, place = to_polars(given), "the captions"
    texts = texts_of(frame)
    name = column_called(texts.columns, NAMES)
    said = caption if caption in texts.columns else column_called(texts.columns, CAPTIONS)
    if name is None or said is None:
        raise InputError(
            f"{place}: needs a column that names clips (id) and one of captions (columns: {shorten(texts.columns, 12)})"
        )
    found: dict[str, list[str]] = {}
    for own, text in zip(texts[name].to_list(), texts[said].to_list(), strict=True):
        found.setdefault(own, []).append(text)
    return found


def _json(path: Path) -> Any:
    try:
        return json.loads(read_bytes(path, int(SHARE * free_memory())))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: no JSON ({error}); give a list of clips with their captions") from error


def _of_json(given: Any, place: str) -> dict[str, list[str]]:
    """Return captions by the name of the clip, from a list of entries, or from an object with a name each."""
    entries: Iterable[tuple[Any, Any]]
    if isinstance(given, Mapping):
        entries = given.items()
    else:
        entries = [(_field(own, NAMES), _field(own, CAPTIONS)) for own in given] if isinstance(given, list) else []
    found: dict[str, list[str]] = {}
    for number, (name, said) in enumerate(entries, 1):
        texts = [said] if isinstance(said, str) else said
        if not isinstance(name, str) or not isinstance(texts, list) or not all(isinstance(own, str) for own in texts):
            raise InputError(
                f"{place}: entry {number} must have the name of a clip (id) and its captions, texts in a list"
            )
        found.setdefault(name, []).extend(texts)
    if not found:
        raise InputError(f"{place}: holds no captions; give a list of clips with their captions")
    return found


def _field(entry: Any, names: Sequence[str]) -> Any:
    return next((entry[name] for name in names if name in entry), None) if isinstance(entry, Mapping) else None


def cleaned(texts: Sequence[str], cased: bool) -> tuple[str, ...]:
    """Return captions with single spaces, without blank ones; unless cased in lower case, without a last mark."""
    found = [" ".join(text.split()) for text in texts]
    if not cased:
        found = [text.lower().rstrip(MARKS + " ") for text in found]
    return tuple(text for text in found if text)


def _matched(names: Sequence[str], told: Mapping[str, tuple[str, ...]]) -> tuple[list[tuple[str, ...]], set[str]]:
    """Return the captions of each clip, () where there are none, and which names were found.

    Names are compared whole, then without folder, then without ending, as far as only one clip is then called so.
    """
    lookups: list[dict[str, list[str]]] = []
    forms = (str, lambda name: Path(name).name, lambda name: Path(name).stem)
    for form in forms:
        table: dict[str, list[str]] = {}
        for name in told:
            table.setdefault(form(name), []).append(name)
        lookups.append(table)
    found: list[tuple[str, ...]] = []
    used: set[str] = set()
    for name in names:
        keys = dict.fromkeys([name, Path(name).name, Path(name).stem])
        hits = [table[key] for table in lookups for key in keys if key in table]
        own = next((hit[0] for hit in hits if len(hit) == 1), None)
        found.append(() if own is None else told[own])
        used |= set() if own is None else {own}
    return found, used
