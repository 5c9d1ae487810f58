"""What names of files say about recordings: patterns such as {speaker:2}{text:3}{label:1}{take:1}.wav."""

from __future__ import annotations

import re
from collections.abc import Sequence
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

    def read(self, folder: Path, files: Sequence[Path]) -> dict[str, tuple[str, ...]]:
        """Return what each field is for each of the files of a folder.

        Raises  InputError if names do not match
        """
        whole = re.compile(self._expression())
        names = [path.relative_to(folder).as_posix() if "/" in self.text else path.name for path in files]
        found = [whole.fullmatch(name) for name in names]
        wrong = [name for name, match in zip(names, found, strict=True) if match is None]
        if wrong:
            raise InputError(
                f"{folder}: {len(wrong):,} of {len(names):,} recordings do not match the pattern {self.text!r} "
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
