"""Columns to numbers: plain ones, and text in the forms that people write, always one form for the whole column.

Known are signs of currency and per cent, brackets for what is negative, K, M, B and T, separators between thousands,
decimal commas, and the marks that programs write where there is no value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lstmkit.data.layout import POINTED, are_thousands
from lstmkit.errors import InputError

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "NaT")
MINUS = "\N{MINUS SIGN}"
MARKS: tuple[str, ...] = (
    ".",
    "..",
    "...",
    "-",
    "--",
    "---",
    "\N{EN DASH}",
    "\N{EM DASH}",
    MINUS,
    "?",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "<NA>",
    "(null)",
    "\\N",
)
MARKS += ("n.a.", "N.A.", "na", "ND", "N/D", "NAN", "Null", ":", "k.A.", "k. A.", "n. a.", "n.d.", "nd")
MARKS += ("#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NV", "#WERT!", "#BEZUG!", "#ZAHL!")
"""What stands for a missing number, beside what stands for any missing value."""
TIMES = {"K": 1e3, "k": 1e3, "M": 1e6, "mn": 1e6, "B": 1e9, "bn": 1e9, "T": 1e12}
SPACES = " \u00a0\u2007\u2009\u202f'\N{RIGHT SINGLE QUOTATION MARK}"
"""What stands between thousands whatever the decimal sign is."""
_CODES = "USD|EUR|GBP|JPY|CHF|CNY|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|KRW|ZAR|TRY|RUB"
_MONEY = rf"(?:[A-Z]{{0,3}}\p{{Sc}}|{_CODES})"
NUMBER = (
    rf"^(?P<before>{_MONEY})?(?P<open>\()?(?P<sign>[-+{MINUS}])?\s*(?P<money>{_MONEY})?\s*(?P<inner>[-+{MINUS}])?"
    rf"(?P<body>[0-9][0-9.,{SPACES}]*|[.,][0-9]+)(?P<power>[eE][-+]?[0-9]+)?"
    rf"\s*(?P<times>{'|'.join(TIMES)})?\s*(?P<unit>%|‰|{_MONEY})?(?P<behind>-)?(?P<close>\))?$"
)
PATTERNS = {
    decimal: rf"^([0-9]+|[1-9][0-9]{{0,2}}([{other}{SPACES}][0-9]{{3}})+|[1-9][0-9]?([{other}][0-9]{{2}})+"
    rf"[{other}][0-9]{{3}})?([{decimal}][0-9]*)?$"  # the last is India's: 12,34,567
    for decimal, other in ((".", ","), (",", "."))
}
TAKEN = "is taken for a missing value"
WORDS = {".": "decimal points", ",": "decimal commas"}


@dataclass(frozen=True)
class _Text:
    """A column of text as numbers.

    numbers  null where a value is missing or is no number
    text     stripped, null where a value is missing
    note     what was read in another form than a program would write, or ""
    """

    numbers: pl.Series
    text: pl.Series
    note: str = ""

    @property
    def wrong(self) -> int | None:
        """The first row whose value is no number, None without any."""
        wrong = self.text.is_not_null() & self.numbers.is_null()
        return int(wrong.arg_true()[0]) if wrong.any() else None


def to_numbers(column: pl.Series, name: str, decimal: str | None = None) -> NDArray[np.float64]:
    """Return a column as float64 with NaN where a cell is empty, or holds a mark for that.

    decimal  "." or ",": the sign before decimals; None finds it in the column
    Raises   InputError naming the first row whose value is not a number
    """
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        found = _read(column, decimal)
        row = found.wrong
        if row is not None:
            with_sign = "" if decimal is None else f" with {WORDS[decimal]}"
            hint = _hint(found.text, row, decimal)
            raise InputError(f"column {name!r}, row {row + 1}: {found.text[row]!r} is not a number{with_sign}{hint}")
        numbers = found.numbers
    elif column.dtype.is_numeric() or column.dtype == pl.Null:
        numbers = column.cast(pl.Float64)
    else:
        raise InputError(f"column {name!r} holds {column.dtype}, not numbers")
    return numbers.fill_null(float("nan")).to_numpy(writable=True)


def is_numeric(column: pl.Series, decimal: str | None = None) -> bool:
    """Return whether the first rows of a column are numbers."""
    try:
        to_numbers(column.head(100), "", decimal)
    except InputError:
        return False
    return True


def number_notes(frame: pl.DataFrame, names: Sequence[str], decimal: str | None = None) -> list[str]:
    """Return a sentence for each of some columns whose numbers are written in a form of their own."""
    found = []
    for name in names:
        if frame.schema.get(name) == pl.String:
            note = _read(frame[name], decimal).note
            found += [f"column {name!r}: {note}"] if note else []
    return found


def _read(column: pl.Series, decimal: str | None) -> _Text:
    text = column.str.strip_chars()
    text = text.set(text.is_in(MISSING), None)
    if decimal != ",":
        plain = text.cast(pl.Float64, strict=False)
        if plain.null_count() == text.null_count():
            return _Text(*_of_points(plain, text, decimal))
    marked = text.is_in(MARKS)
    note = ""
    if marked.any():
        count = int(marked.sum())
        note = f"{text.filter(marked)[0]!r} {TAKEN} ({count} row{'s' if count > 1 else ''})"
        text = text.set(marked, None)
    if decimal != ",":
        plain = text.cast(pl.Float64, strict=False)
        if plain.null_count() == text.null_count():
            numbers, text, remark = _of_points(plain, text, decimal)
            return _Text(numbers, text, "; ".join(part for part in (remark, note) if part))
    numbers, remark = _dressed(text, decimal)
    return _Text(numbers, text, "; ".join(part for part in (remark, note) if part))


def _of_points(plain: pl.Series, text: pl.Series, decimal: str | None) -> tuple[pl.Series, pl.Series, str]:
    """Return plain numbers, the text they were, and a note; as thousands where points can only stand between these."""
    known = text.drop_nulls()
    if decimal is not None or not all(POINTED.fullmatch(value) for value in known.head(100)):
        return plain, text, ""
    dotted = known.filter(known.str.contains(".", literal=True))
    if not len(dotted) or not known.str.contains(f"^({POINTED.pattern})$").all() or not are_thousands(known.to_list()):
        return plain, text, ""
    read = dotted[0].replace(".", "")
    remark = f"{dotted[0]!r} is read as {read}; if that is {float(dotted[0]):.15g}, pass --decimal ."
    return text.str.replace(".", "", literal=True).cast(pl.Float64), text, remark


def _dressed(text: pl.Series, decimal: str | None) -> tuple[pl.Series, str]:
    """Return text in other forms as numbers, null where it is in none, and what to say about it."""
    parts = text.str.extract_groups(NUMBER).struct.unnest()
    body = parts["body"].str.strip_chars(SPACES)
    fits = {sign: body.str.contains(pattern) for sign, pattern in PATTERNS.items() if decimal in (None, sign)}
    misfits = {sign: int((~own.fill_null(False) & text.is_not_null()).sum()) for sign, own in fits.items()}
    chosen = min(misfits, key=lambda sign: misfits[sign])  # of two that fit, the point
    numbers = _value(parts, body.set(~fits[chosen], None), chosen)
    if not misfits[chosen]:
        numbers = _of_one_unit(numbers, parts)
    if numbers.null_count() > text.null_count():
        return numbers, ""
    plain = text.cast(pl.Float64, strict=False)
    other = text.is_not_null() & plain.ne_missing(numbers)
    if not other.any():
        return numbers, ""
    row = int(other.arg_true()[0])
    remark = f"{text[row]!r} is read as {numbers[row]:.15g}"
    if len(fits) == 2 and misfits["."] == misfits[","] and body[row].count(",") == 1:
        comma = _value(parts[row : row + 1], body[row : row + 1], ",")[0]
        remark += f"; if that is {comma:.15g}, pass --decimal ,"
    return numbers, remark


def _value(parts: pl.DataFrame, body: pl.Series, decimal: str) -> pl.Series:
    """Return numbers from the parts that `NUMBER` names; null where brackets or signs do not agree."""
    digits = body.str.replace_all(f"[{'.' if decimal == ',' else ','}{SPACES}]", "").str.replace(",", ".", literal=True)
    numbers = (digits + parts["power"].fill_null("")).cast(pl.Float64, strict=False)
    times = parts["times"].fill_null("").replace_strict({"": 1.0, **TIMES}, return_dtype=pl.Float64)
    signs = [parts[name].fill_null("").is_in(["-", MINUS]) for name in ("sign", "inner", "behind")]
    bracket = parts["open"].is_not_null()
    count = sum((own.cast(pl.Int8) for own in (*signs[1:], bracket)), signs[0].cast(pl.Int8))
    numbers = numbers.set((count > 1) | (bracket != parts["close"].is_not_null()), None)
    return numbers * times * pl.select(pl.when(count == 1).then(-1.0).otherwise(1.0)).to_series()


def _of_one_unit(numbers: pl.Series, parts: pl.DataFrame) -> pl.Series:
    """Return numbers, null from where on they are in another unit than before: $ and €, or per cent and none."""
    unit = parts["unit"].fill_null(parts["money"]).fill_null(parts["before"]).fill_null("")
    known = unit.filter(numbers.is_not_null() & (numbers != 0))
    units = known.unique(maintain_order=True).to_list()
    named = [one for one in units if one]
    if len(units) <= 1 or (len(named) == 1 and named[0] not in "%‰"):  # the sign of currency may be left out
        return numbers
    return numbers.set((unit != units[0]) & (numbers != 0), None)


def _hint(text: pl.Series, row: int, decimal: str | None) -> str:
    """Return advice about a value that is no number, or ""."""
    value = text[row]
    digits = value.replace(",", "").replace(".", "").replace("-", "").strip()
    if not digits.isdigit() or not digits.isascii():
        return ""
    other = "," if decimal == "." else "."
    if decimal is not None and _read(text, other).wrong is None:
        return f"; pass --decimal {other}"
    return "; write all numbers with a decimal point and without thousands separators" if "," in value else ""
