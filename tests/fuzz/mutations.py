"""How valid input is damaged: by bytes, by tokens, inside JSON, inside the tensors of a safetensors file."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

ODD = (
    "", " ", "0", "-1", "-0.0", "1.5", "nan", "NaN", "inf", "-inf", "1e308", "-1e308", "1e400", "1e-320", "1e100",
    "9223372036854775807", "9223372036854775808", "-9223372036854775809", "9" * 400, "0x10", "1_000", "1,5", "١٢", "½",
    "null", "None", "True", "step", "mean", "y", "cutoff", "lo-80", "path", "value",
    "2024-02-30", "0000-00-00", "9999-12-31", "0001-01-01", "2262-04-12", "1970-01-01T00:00:00Z", "24:00", "25:61:61",
    "2024-03-31 02:30", "12/13/14", "1e18", "[/red]", "[bold]", "</script>", "<b>", "$x_1$", "=cmd|' /C calc'!A0",
    "\x1b[31m", "\x07", "\u202e", "\ufeff", "\ud7ff", "\U0001f600", "a\u0300", "\x85", "\u2028", "\x00", "\xff",
    "\r", "\n", "\r\n", "\t", '"', '""', "'", ",", ";", "|", "\\", "%", "#", "@", "./..", "/dev/null", "x" * 5000,
)  # fmt: skip
"""Texts that were misread somewhere, in this library or in another."""

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 7, 1.5, -0.5, 1e308, float("nan"), float("inf"), 2**31, 2**63, -(2**63) - 1, 10**12,
    10**30, "", "0", "lstm", "\ud800", "x" * 5000, [], [[]], [0], [1, 2, 3], ["a"], [None], {}, {"a": 1}, {"": {}},
    [[1.0, 2.0]], [-1] * 50,
)  # fmt: skip
"""JSON values of every type, some of them not JSON."""

DTYPES = ("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL", "F8", "C64", "")
NUMBERS = (0, 1, -1, 2**7, 2**31 - 1, 2**31, 2**53, 2**63 - 1, -(2**63))

POSITION = st.integers(0, 2**32 - 1)


class Change(NamedTuple):
    """One damage: its kind, where (modulo what there is), and with what."""

    kind: str
    at: int
    more: int


def changes(kinds: tuple[str, ...], most: int = 4) -> st.SearchStrategy[list[Change]]:
    """Return a strategy of lists of damages."""
    return st.lists(st.builds(Change, st.sampled_from(kinds), POSITION, POSITION), min_size=1, max_size=most)


def odd_bytes(number: int) -> bytes:
    """Return one of the odd texts as bytes."""
    return ODD[number % len(ODD)].encode("utf-8", "surrogatepass")


def _flip(content: bytes, change: Change) -> bytes:
    at = change.at % len(content)
    return content[:at] + bytes([content[at] ^ (1 << change.more % 8)]) + content[at + 1 :]


def _cut(content: bytes, change: Change) -> bytes:
    at = change.at % len(content)
    return content[:at] if change.more % 2 else content[:at] + content[at + 1 + change.more % 97 :]


def _insert(content: bytes, change: Change) -> bytes:
    at = change.at % (len(content) + 1)
    return content[:at] + odd_bytes(change.more) + content[at:]


def _repeat(content: bytes, change: Change) -> bytes:
    at, size = change.at % len(content), 1 + change.more % 300
    return content[:at] + content[at : at + size] * (1 + change.more % 40) + content[at:]


def _line(content: bytes, change: Change) -> bytes:
    """Repeat, drop, or exchange a line."""
    lines = content.split(b"\n")
    at, other = change.at % len(lines), change.more % len(lines)
    if change.more % 3 == 0:
        lines[at], lines[other] = lines[other], lines[at]
    elif change.more % 3 == 1:
        lines.insert(other, lines[at])
    else:
        del lines[at]
    return b"\n".join(lines)


def _field(content: bytes, change: Change) -> bytes:
    """Replace a field of a table by an odd one; in the header too."""
    lines = content.split(b"\n")
    at = change.at % len(lines) if change.at % 5 else 0
    separator = b"\t" if b"\t" in lines[at] else b" " if b"," not in lines[at] else b","
    fields = lines[at].split(separator)
    fields[change.more % len(fields)] = odd_bytes(change.more // 7)
    lines[at] = separator.join(fields)
    return b"\n".join(lines)


def _column(content: bytes, change: Change) -> bytes:
    """Replace a whole column by an odd value, its header excepted."""
    lines = content.split(b"\n")
    odd = odd_bytes(change.more)
    for k in range(1, len(lines)):
        fields = lines[k].split(b",")
        if len(fields) > 1:
            fields[change.at % len(fields)] = odd
            lines[k] = b",".join(fields)
    return b"\n".join(lines)


def _ends(content: bytes, change: Change) -> bytes:
    """Write other line ends, or another encoding."""
    choice = change.more % 5
    if choice < 3:
        return content.replace(b"\n", (b"\r", b"\r\n", b"\n\n")[choice])
    text = content.decode("utf-8", "replace")
    return text.encode("utf-16") if choice == 3 else b"\xef\xbb\xbf" + content


BYTES: dict[str, Callable[[bytes, Change], bytes]] = {"flip": _flip, "cut": _cut, "insert": _insert, "repeat": _repeat}
TEXT = BYTES | {"line": _line, "field": _field, "column": _column, "ends": _ends}


def damaged(content: bytes, how: list[Change]) -> bytes:
    """Return bytes with some damages done to them."""
    for change in how:
        if content:
            content = TEXT[change.kind](content, change)
    return content


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of every value within a JSON value, its own left out."""
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found.append((*path, key))
        if len(found) < 3000:
            found.extend(_places(inner, (*path, key)))
    return found


def damaged_json(value: Any, how: list[Change]) -> Any:
    """Return a copy of a JSON value with values replaced, removed, wrapped or renamed."""
    value = json.loads(json.dumps(value))
    for change in how:
        places = _places(value)
        if not places:
            return value
        *inner, key = places[change.at % len(places)]
        holder = value
        for step in inner:
            holder = holder[step]
        kind = change.more % 8
        if kind < 5:
            holder[key] = copy.deepcopy(VALUES[change.more // 8 % len(VALUES)])
        elif kind == 5:
            del holder[key]
        elif kind == 6:
            holder[key] = [holder[key]]
        elif isinstance(holder, dict):
            holder[f"{key}_"] = holder.pop(key)
        else:
            holder.insert(key, holder[key])
    return value


def split_safetensors(content: bytes) -> tuple[dict[str, Any], bytearray]:
    """Return the header and the data of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), bytearray(content[8 + length :])


def join_safetensors(header: Any, data: bytes) -> bytes:
    """Return a safetensors file, or what would be one if the header were right."""
    text = json.dumps(header, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return len(text).to_bytes(8, "little") + text + bytes(data)


def damaged_tensors(content: bytes, how: list[Change]) -> bytes:
    """Return a safetensors file with other values, shapes, types or names; its metadata stays."""
    header, data = split_safetensors(content)
    for change in how:
        names = [name for name in header if name != "__metadata__"]
        if not names:
            break
        name = names[change.at % len(names)]
        entry, kind = header[name], change.more % 6
        first, last = entry["data_offsets"] if isinstance(entry, dict) and "data_offsets" in entry else (0, 0)
        if kind == 0 and last > first:  # an odd value in place of a number
            odd = (b"\xff" * 8, b"\x00" * 8, (2**62).to_bytes(8, "little"), b"\x00\x00\x80\x7f\x00\x00\xf0\x7f")
            at = first + change.more // 6 % (last - first) // 8 * 8
            data[at : min(at + 8, last)] = odd[change.more // 7 % 4][: min(8, last - at)]
        elif kind == 1 and isinstance(entry, dict) and entry.get("shape"):
            entry["shape"] = (entry["shape"][::-1], [1, *entry["shape"]], [NUMBERS[change.more % 9]], [])[change.at % 4]
        elif kind == 2 and isinstance(entry, dict):
            entry["dtype"] = DTYPES[change.more // 6 % len(DTYPES)]
        elif kind == 3:
            del header[name]
        elif kind == 4:
            header[f"{name}x"] = header.pop(name)
        elif isinstance(entry, dict):
            _resize(header, data, name, change.more // 6)
    return join_safetensors(header, data)


def _resize(header: dict[str, Any], data: bytearray, name: str, number: int) -> None:
    """Give a tensor fewer or more rows, with a header that tells the truth."""
    entry = header[name]
    first, last = entry["data_offsets"]
    if not entry.get("shape") or not entry["shape"][0] or (last - first) % entry["shape"][0]:
        return
    row = (last - first) // entry["shape"][0]
    rows = number % (2 * entry["shape"][0] + 1)
    added = rows * row - (last - first)
    data[first:last] = (bytes(data[first:last]) * 3)[: rows * row]
    entry["shape"] = [rows, *entry["shape"][1:]]
    entry["data_offsets"] = [first, first + rows * row]
    for other, held in header.items():
        if other not in (name, "__metadata__") and isinstance(held, dict) and held.get("data_offsets", [0])[0] >= last:
            held["data_offsets"] = [offset + added for offset in held["data_offsets"]]
