"""``python -m tests.reliability.mutations [--rounds N]``: valid files of every format, cut, altered and misnamed.

Each format's sample is cut at every eighth, then altered N times with a seed that is counted up: bytes flipped,
stretches overwritten, doubled or left out. Every result goes through the real sandbox. Prints what came of them by
format, and every file that cost a child is kept.
"""

# Spawned children import this module again: nothing heavy may be imported above ``main``.
from __future__ import annotations

import argparse
import os
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.errors import UnreadableError
from core.extract.sandbox import Sandbox

ALTERATIONS = ("flip", "overwrite", "double", "leave out", "extreme")


def variants(sample: bytes, rounds: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """A name and a content for each variant: nothing, one byte, seven cuts, and ``rounds`` alterations."""
    yield "empty", b""
    yield "one-byte", sample[:1]
    for eighth in range(1, 8):
        yield f"cut-{eighth}", sample[: len(sample) * eighth // 8]
    for number in range(seed, seed + rounds):
        yield f"altered-{number}", altered(sample, random.Random(number))


def altered(sample: bytes, chance: random.Random) -> bytes:
    """One to eight alterations, half of them near the beginning, where headers are."""
    data = bytearray(sample)
    for _ in range(chance.randint(1, 8)):
        reach = len(data) if chance.random() < 0.5 else min(len(data), 512)
        at, length = chance.randrange(max(1, reach)), chance.randint(1, 16)
        match chance.choice(ALTERATIONS):
            case "flip":
                data[at : at + 1] = bytes((data[at] ^ 1 << chance.randrange(8),)) if at < len(data) else b""
            case "overwrite":
                data[at : at + length] = chance.randbytes(length)
            case "double":
                data[at:at] = data[at : at + length * 16]
            case "leave out":
                del data[at : at + length]
            case "extreme":  # as a length, a count or an offset
                data[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\x80\0\0\0"))
    return bytes(data)


def read(sandbox: Sandbox, path: Path) -> str | None:
    """What indexing does with a file: the reason why it is not read, None where it is."""
    name, pcm = os.fsencode(path), path.with_name("sound.pcm")
    try:
        if sandbox.extract(name).metadata.has_audio:
            sandbox.decode_audio(name, pcm)
            pcm.unlink()
    except UnreadableError as error:
        return error.message
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    from tests.reliability.samples import write_samples

    parser = argparse.ArgumentParser(prog="python -m tests.reliability.mutations", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="alterations of each sample; 100 by default")
    parser.add_argument("--seed", type=int, default=0, help="of the first")
    parser.add_argument("--keep", type=Path, default=Path("mutations"), help="where files that cost a child go")
    given = parser.parse_args(arguments)
    reasons: Counter[str] = Counter()
    print("| format | variants | read | refused | children lost |\n|---|---|---|---|---|")
    lost, tried = 0, 0
    sandbox = Sandbox()
    with tempfile.TemporaryDirectory() as folder:
        for sample in write_samples(Path(folder)):
            whole, outcomes, before = sample.read_bytes(), [], sandbox.losses
            for name, data in variants(whole, given.rounds, given.seed):
                sample.write_bytes(data)
                losses = sandbox.losses
                outcomes.append(read(sandbox, sample))
                if sandbox.losses > losses:
                    given.keep.mkdir(parents=True, exist_ok=True)
                    (given.keep / f"{name}-{sample.name}").write_bytes(data)
            refused = [reason for reason in outcomes if reason is not None]
            reasons.update(refused)
            tried += len(outcomes)
            lost += sandbox.losses - before
            cells = (sample.name, len(outcomes), len(outcomes) - len(refused), len(refused), sandbox.losses - before)
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
    sandbox.close()
    print("\n| reason | files |\n|---|---|")
    print("\n".join(f"| {reason} | {count} |" for reason, count in reasons.most_common()))
    print(f"\n{tried} files, {sum(reasons.values())} refused, {lost} children lost")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
