"""Mutations that know the shape of their input, so that what is tried gets past the first check of a format.

All take ``blind``, the fuzzer's own mutation of bytes, and a seeded random: the same seed gives the same input.
"""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from blake3 import blake3

Blind = Callable[[bytes, int], bytes]
Mutator = Callable[[bytes, int, random.Random, Blind], bytes]

_TOKEN = re.compile(rb"<[^<>]*>|\\[a-zA-Z]+-?\d*|&[#\w]+;|[{}]|\d+|[A-Za-z]+|\s+|.", re.DOTALL)
_NUMBERS = (b"0", b"-1", b"1", b"255", b"65536", b"1048577", b"2147483648", b"99999999999999999999", b"1e999", b"NaN")
_MOST_UNPACKED = 256 * 1024
_MOST_TOKENS = 4000


def bytes_alone(data: bytes, most: int, _random: random.Random, blind: Blind) -> bytes:
    """No shape: the fuzzer's own."""
    return blind(data, most)


def text_with(words: Sequence[bytes]) -> Mutator:
    """Markup, fields and words: tokens are dropped, doubled, moved, nested, and replaced by ``words``."""

    def mutate(data: bytes, most: int, chance: random.Random, blind: Blind) -> bytes:
        if chance.random() < 0.4:
            return blind(data, most)
        tokens = _TOKEN.findall(data[:most])[:_MOST_TOKENS]
        for _ in range(chance.choice((1, 1, 2, 4, 8))):
            _change(tokens, words, chance)
        return b"".join(tokens)[:most]

    return mutate


def _change(tokens: list[bytes], words: Sequence[bytes], chance: random.Random) -> None:
    if not tokens:
        tokens.append(chance.choice(words))
        return
    at = chance.randrange(len(tokens))
    end = min(len(tokens), at + chance.choice((1, 1, 2, 5, 20)))
    numbers = [place for place, token in enumerate(tokens) if token.isdigit()]
    match chance.randrange(7):
        case 0:
            del tokens[at:end]
        case 1:
            tokens[at:at] = tokens[at:end] * chance.choice((1, 2, 50))
        case 2:
            target = chance.randrange(len(tokens) + 1)
            tokens[target:target] = tokens[at:end]
        case 3:
            tokens[at] = chance.choice(words)
        case 4:
            tokens.insert(at, chance.choice(words))
        case 5 if numbers:
            tokens[chance.choice(numbers)] = chance.choice(_NUMBERS)
        case _:
            tokens[at:end] = [token[: len(token) // 2] for token in tokens[at:end]]


def archive_of(inside: Mutator) -> Mutator:
    """A zip archive: one of its parts is mutated and packed again; now and then the archive's own bytes are."""

    def mutate(data: bytes, most: int, chance: random.Random, blind: Blind) -> bytes:
        parts = unpacked(data)
        if not parts or chance.random() < 0.1:
            return blind(data, most)
        names = sorted(parts)
        name = chance.choice(names)
        match chance.randrange(20):
            case 0:
                del parts[name]
            case 1:
                parts[name] = parts[chance.choice(names)]
            case _:
                parts[name] = inside(parts[name], most, chance, blind)
        return packed(parts, most) or data

    return mutate


def unpacked(data: bytes) -> dict[str, bytes]:
    """The parts of an archive, none where it is damaged or too large to be worth it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MOST_UNPACKED:
                return {}
            return {entry.filename: archive.read(entry) for entry in archive.infolist()}
    except Exception:  # noqa: BLE001 - zipfile fails in a dozen ways, and all mean the same here
        return {}


def packed(parts: dict[str, bytes], most: int = 1 << 30) -> bytes:
    """An archive of the parts, empty where it is larger than ``most``; stored where that fits, else deflated."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", method, compresslevel=1) as archive:
            for name, content in parts.items():
                archive.writestr(zipfile.ZipInfo(name), content, method)
        if target.tell() <= most:
            return target.getvalue()
    return b""


def message(data: bytes, most: int, chance: random.Random, blind: Blind) -> bytes:
    """A MessagePack value: one of its leaves becomes another value; now and then its bytes are mutated."""
    try:
        value = msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return blind(data, most)
    if chance.random() < 0.4:
        return blind(data, most)
    holders = list(_holders(value))
    if not holders:
        return blind(data, most)
    holder, key = chance.choice(holders)
    holder[key] = _odd_value(holder[key], chance, blind)
    try:
        return msgspec.msgpack.encode(value)[:most]
    except (OverflowError, RecursionError, TypeError, UnicodeEncodeError):
        return data


def _holders(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield value, key
        yield from _holders(inner)


def _odd_value(value: Any, chance: random.Random, blind: Blind) -> Any:
    if isinstance(value, bytes) and chance.random() < 0.7:
        return blind(value, len(value) + 64)
    if isinstance(value, int) and chance.random() < 0.7:
        return chance.choice((value + 1, value - 1, -value, value * 2, 0, -1, 2**31, 2**63 - 1, -(2**63)))
    return chance.choice((None, True, 0, -1, 2**64 - 1, 1.5, float("nan"), "", "\x00", b"", [], {}, [value], value))


def snapshot(data: bytes, most: int, chance: random.Random, blind: Blind) -> bytes:
    """A snapshot file whose header is mutated and given its true digest again; else its bytes."""
    lines = data[:4096].split(b"\n", 3)
    if len(lines) < 4 or chance.random() < 0.5:
        return blind(data, most)
    try:
        header = json.loads(lines[2])
        key = chance.choice(sorted(header))
        header[key] = _odd_value(header[key], chance, blind)
        text = json.dumps(header).encode()
    except (ValueError, TypeError, IndexError, RecursionError):
        text = lines[2].replace(b"\n", b"")
    page = b"\n".join((lines[0], blake3(text).hexdigest().encode(), text, b""))
    return (page.ljust(4096, b"\0") + data[4096:])[:most]
