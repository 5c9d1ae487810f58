"""What names and folders say of files: patterns such as {speaker:2}{text:3}{label:1}{take:1}.wav; a folder a class."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lstmkit.data.series import shorten
from lstmkit.errors import InputError

FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,99})(?::([1-9][0-9]?))?\}|\*")


@dataclass(frozen=True)
class Pattern:
    """A pattern of names.

    text    `{name}` is one character or more, `{name:3}` just three, `*` any or none; everything else is itself. With a
            slash it is compared with the path within the folder, without with the name of the file
    Raises  InputError if it has no field, one twice, or a brace that belongs to none
    """

    text: str

    def __post_init__(self) -> None:
        """Check the pattern."""
        rest = FIELD.sub("", self.text)
        if "{" in rest or "}" in rest:
            raise InputError(f"pattern {self.text!r}: braces must hold a field, such as {{label}} or {{speaker:2}}")
        if not self.fields:
            raise InputError(f"pattern {self.text!r}: has no field; write {{label}} where the class stands")
        twice = [name for name in self.fields if self.fields.count(name) > 1]
        if twice:
            raise InputError(f"pattern {self.text!r}: field {twice[0]!r} stands twice; give the second another name")

    @property
    def fields(self) -> list[str]:
        """The names of its fields, in their order."""
        return [found[1] for found in FIELD.finditer(self.text) if found[1]]

    def read(self, folder: Path, files: Sequence[Path], kind: str) -> dict[str, tuple[str, ...]]:
        """Return what each field is for each of the files of a folder.

        kind    what complaints call the files, such as "recordings"
        Raises  InputError if names do not match
        """
        whole = re.compile(self._expression())
        names = [path.relative_to(folder).as_posix() if "/" in self.text else path.name for path in files]
        found = [whole.fullmatch(name) for name in names]
        wrong = [name for name, match in zip(names, found, strict=True) if match is None]
        if wrong:
            raise InputError(
                f"{folder}: {len(wrong):,} of {len(names):,} {kind} do not match the pattern {self.text!r} "
                f"({shorten(wrong, 3)}); mend it, or move them away"
            )
        return {name: tuple(match[name] for match in found if match) for name in self.fields}

    def _expression(self) -> str:
        parts, at = [], 0
        for found in FIELD.finditer(self.text):
            parts.append(re.escape(self.text[at : found.start()]))
            length = "+?" if found[2] is None else f"{{{found[2]}}}"
            parts.append(f"(?P<{found[1]}>[^/]{length})" if found[1] else "[^/]*?")
            at = found.end()
        return "".join([*parts, re.escape(self.text[at:])])


def pattern_of(text: str | None, label: str | None) -> Pattern | None:
    """Return a pattern; None without.

    label   field that it must have; None if it need not have one of them
    Raises  InputError if it cannot be used, or lacks the field
    """
    if text is None:
        return None
    how = Pattern(text)
    if label is not None and label not in how.fields:
        raise InputError(f"pattern {how.text!r}: has no field {{{label}}}; write it where the class stands")
    return how


def facts_of_folder(
    folder: Path, files: Sequence[Path], how: Pattern | None, label: str | None, kind: str
) -> Mapping[str, tuple[str, ...]]:
    """Return what is known of the files of a folder: by a pattern, or by the outer folders that they lie in.

    label   what the outer folders tell; None if they need not tell anything
    kind    what complaints call the files, such as "recordings"
    Raises  InputError if names do not match, or files lie in no folder that could tell
    """
    if how is not None:
        return how.read(folder, files, kind)
    if label is None:
        return {}
    outer = [path.relative_to(folder).parts for path in files]
    loose = [path.name for path, parts in zip(files, outer, strict=True) if len(parts) == 1]
    if loose:
        raise InputError(
            f"{folder}: {len(loose):,} of {len(files):,} {kind} lie in no folder that names their class, first "
            f"{loose[0]!r}; sort them into folders, or pass --pattern"
        )
    return {label: tuple(parts[0] for parts in outer)}
