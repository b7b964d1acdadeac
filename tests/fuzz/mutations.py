"""Damages a file at random: bits, bytes, pieces, the parts of its container, and its numbers.

The same generator makes the same damage, so a case is known by its seed and number.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from containers import Container, Part

MOST_BYTES = 200_000
"""Results are cut to this size, so that no case costs much time."""

Mutation = Callable[[bytes, Random, Container, Sequence[bytes]], bytes]
"""Takes a file, a source of randomness, the container, and other files of its kind."""

HOSTILE_TEXTS = (
    *("", "\0", "\n", "\r", "\u2028", "\ud800", "\ufeff", "é", "\U0001f327", "'", '"', "\\", "%s", "{0}"),
    *("<", "</script>", "<!--", "]]>", "&lt;", "[/red]", "../" * 9, "nan", "inf", "-0", "1e999", "0x10"),
    *(
        "9" * 400,
        "true",
        "null",
        "[[",
        "]]",
        "{",
        "}",
        "---",
        ": ",
        "&a ",
        "*a",
        "!!python/object:os.system ",
    ),
    *("=", "#", "|", "- ", "[x]", "[[x]]", "a.b.c = 1", "1979-05-27", "A" * 3000),
)

HOSTILE_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, 0.5, -0.0, 1e308, 1e-320),
    *(float("nan"), float("inf"), "", "0", "x" * 2000, "\ud800", [], {}, [None], [[]], {"": None}, [0, 0, 0]),
)


def mutate(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    """Damages a file by one to six mutations.

    Args:
        data: The file.
        rng: Source of randomness.
        container: Its format.
        others: Files to take pieces from.

    Returns:
        The damaged file. Checksums and overall lengths are mostly corrected.
    """
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        data = rng.choice(_mutations(container))(data, rng, container, others)[:MOST_BYTES]
    return container.seal(data) if rng.random() < 0.85 else data


def _mutations(container: Container) -> tuple[Mutation, ...]:
    if container.is_json:
        return (*_JSON, *_TEXT, *_BYTES, *_STRUCTURE)
    if container.is_text:
        return (*_TEXT, *_BYTES, *_STRUCTURE)
    return (*_BYTES, *_STRUCTURE, *_STRUCTURE)


def _place(data: bytes, rng: Random) -> int:
    return rng.randrange(len(data)) if data else 0


def _stretch(data: bytes, rng: Random) -> tuple[int, int]:
    """Start and end of a piece, mostly a short one."""
    start = _place(data, rng)
    longest = max(1, len(data) - start)
    return start, start + rng.randint(1, min(longest, rng.choice((4, 16, 256, longest))))


def _flip_bit(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if damaged:
            damaged[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _set_byte(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    start, end = _stretch(data, rng)
    value = rng.choice((0, 0xFF, 0x7F, 0x80, rng.randrange(256)))
    end = start + 1 if rng.random() < 0.6 else end
    return data[:start] + bytes([value]) * (end - start) + data[end:]


def _noise(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    start, end = _stretch(data, rng)
    return data[:start] + rng.randbytes(end - start) + data[end:]


def _cut_off(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    return data[: _place(data, rng)]


def _cut_out(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    start, end = _stretch(data, rng)
    return data[:start] + data[end:]


def _repeat(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    start, end = _stretch(data, rng)
    place = _place(data, rng)
    return data[:place] + data[start:end] * rng.choice((1, 1, 2, 30)) + data[place:]


def _append(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    return data + rng.choice((b"\0", b"\0" * 1000, b"\xff" * 9, data, rng.randbytes(20)))


def _splice(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    """Takes a piece of another file to the same place or another."""
    other = rng.choice(others)
    start, end = _stretch(other, rng)
    place = start if rng.random() < 0.5 else _place(data, rng)
    return data[:place] + other[start:end] + data[place + (end - start) :]


def _cross(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    """Joins the beginning of this file and the end of another."""
    other = rng.choice(others)
    return data[: _place(data, rng)] + other[_place(other, rng) :]


def _set_number(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    numbers = [n for n in container.numbers(data) if n.position + struct.calcsize(n.code) <= len(data)]
    if not numbers:
        return _flip_bit(data, rng, container, others)
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2))):
        number = rng.choice(numbers)
        (value,) = struct.unpack_from(number.code, data, number.position)
        top = (1 << 8 * struct.calcsize(number.code)) - 1
        chosen = rng.choice(
            (
                *(0, 1, 2, 3, 4, 8, top, top - 1, top // 2, top // 2 + 1, len(data), len(data) - 1),
                *(value + 1, value - 1, value * 2, value // 2, value ^ 1, value + rng.randint(-40, 40)),
                *(number.position, rng.randrange(len(data) + 1), rng.randint(0, top), rng.randrange(64)),
            )
        )
        struct.pack_into(number.code, damaged, number.position, chosen & top)
    return bytes(damaged)


def _part(data: bytes, rng: Random, container: Container) -> Part | None:
    parts = container.parts(data)
    return rng.choice(parts) if parts else None


def _drop_part(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    part = _part(data, rng, container)
    return data[: part.start] + data[part.end :] if part else _cut_out(data, rng, container, others)


def _repeat_part(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    part = _part(data, rng, container)
    if part is None:
        return _repeat(data, rng, container, others)
    copies = data[part.start : part.end] * rng.choice((1, 1, 2, 40))
    return data[: part.end] + copies + data[part.end :]


def _move_part(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    parts = container.parts(data)
    if len(parts) < 2:
        return _cut_out(data, rng, container, others)
    first, second = sorted(rng.sample(parts, 2))
    if first.end > second.start:
        return _drop_part(data, rng, container, others)
    pieces = (data[second.start : second.end], data[first.end : second.start], data[first.start : first.end])
    return data[: first.start] + b"".join(pieces) + data[second.end :]


def _borrow_part(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    """Puts a part of another file before or in place of one of this."""
    other = rng.choice(others)
    mine, theirs = _part(data, rng, container), _part(other, rng, container)
    if mine is None or theirs is None:
        return _splice(data, rng, container, others)
    end = mine.end if rng.random() < 0.5 else mine.start
    return data[: mine.start] + other[theirs.start : theirs.end] + data[end:]


def _damage_part(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    """Damages the content of one part. Its length stays, so the structure stays whole."""
    part = _part(data, rng, container)
    if part is None or part.body >= part.end:
        return _noise(data, rng, container, others)
    body = data[part.body : part.end]
    changed = rng.choice((_flip_bit, _set_byte, _noise, _splice))(body, rng, container, others)
    return data[: part.body] + changed[: len(body)].ljust(len(body), b"\0") + data[part.end :]


def _damage_deflated(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    """Damages what a deflated stream in the file holds, and deflates it again to the same place."""
    start = data.find(rng.choice((b"\x78\x9c", b"\x78\x01", b"\x78\xda", b"\x78\x5e")))
    try:
        inflater = zlib.decompressobj()
        content = inflater.decompress(data[start:], MOST_BYTES) if start >= 0 else b""
    except zlib.error:
        content = b""
    if not content:
        return _damage_part(data, rng, container, others)
    old = len(data) - start - len(inflater.unused_data)
    changed = rng.choice((_flip_bit, _set_byte, _noise, _cut_off))(content, rng, container, others)
    new = zlib.compress(changed)
    lengths = struct.pack(">I", old), struct.pack(">I", len(new))
    head = data[:start]
    if head[-8:-4] == lengths[0]:  # a PNG chunk that holds just this stream
        head = head[:-8] + lengths[1] + head[-4:]
    return head + new + data[start + old :]


def _insert_text(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    text = rng.choice(HOSTILE_TEXTS).encode("utf-8", "surrogatepass")
    start, end = _stretch(data, rng)
    return data[:start] + text + data[end if rng.random() < 0.5 else start :]


def _swap_words(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    words = data.split(b" ")
    other = rng.choice(others).split(b" ")
    words[rng.randrange(len(words))] = rng.choice(other)
    return b" ".join(words)


def _nest(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    start, end = _stretch(data, rng)
    opening = rng.choice((b"[", b'{"a":', b"(", b"<a>", b"- ", b"a."))
    return data[:start] + opening * rng.choice((2, 100, 20_000)) + data[end:]


def _change_json(data: bytes, rng: Random, container: Container, others: Sequence[bytes]) -> bytes:
    """Replaces, removes or renames something in one JSON document of the file."""
    part = _part(data, rng, container)
    if part is None:
        return _insert_text(data, rng, container, others)
    try:
        value = json.loads(data[part.body : part.end])
    except (ValueError, RecursionError):
        return _insert_text(data, rng, container, others)
    ending = b"\n" if data[part.body : part.end].endswith(b"\n") else b""
    changed = json.dumps(_changed(value, rng)).encode()
    return data[: part.body] + changed + ending + data[part.end :]


def _changed(value: Any, rng: Random) -> Any:
    """Changes one place of a JSON value, text that holds JSON included."""
    if isinstance(value, str) and value[:1] in ("{", "[") and rng.random() < 0.8:
        try:
            return json.dumps(_changed(json.loads(value), rng))
        except (ValueError, RecursionError):
            return rng.choice(HOSTILE_VALUES)
    if not isinstance(value, dict | list) or not value or rng.random() < 0.1:
        return rng.choice(HOSTILE_VALUES)
    place = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
    action = rng.random()
    if action < 0.7:
        value[place] = _changed(value[place], rng)
    elif action < 0.85:
        del value[place]
    elif isinstance(value, dict):
        value[rng.choice((*HOSTILE_TEXTS[:12], f"{place}x"))] = value.pop(place)
    else:
        value += [value[place]] * rng.choice((1, 50))
    return value


_BYTES: tuple[Mutation, ...] = (
    *(_flip_bit, _flip_bit, _set_byte, _noise, _cut_off, _cut_out, _repeat, _append, _splice, _cross),
)
_STRUCTURE: tuple[Mutation, ...] = (
    *(_set_number, _set_number, _set_number, _drop_part, _repeat_part, _move_part, _borrow_part),
    *(_damage_part, _damage_part, _damage_deflated),
)
_TEXT: tuple[Mutation, ...] = (_insert_text, _insert_text, _swap_words, _nest)
_JSON: tuple[Mutation, ...] = (_change_json,) * 12
