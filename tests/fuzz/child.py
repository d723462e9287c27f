"""Runs one target under atheris, in a process of its own. Not for people: ``python -m tests.fuzz`` starts it."""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import warnings
from pathlib import Path

import atheris

_LONGEST_RUN_S = 60  # then libFuzzer ends the process: a hang, not merely slow

# Whose branches guide the fuzzer: ours, and the libraries in Python that read what is hostile.
_COUNTED = (
    "PIL.Image", "PIL.TiffImagePlugin", "core.config", "core.extract", "core.models.messages", "core.search",
    "core.store", "email", "openpyxl", "tomlkit", "tomllib", "zipfile",
)  # fmt: skip
_LOADED_BEFORE = ("email", "tomllib", "zipfile")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--found", type=Path, required=True)
    options = parser.parse_args()
    warnings.simplefilter("ignore")

    for name in [name for name in sys.modules if name.split(".")[0] in _LOADED_BEFORE]:
        del sys.modules[name]  # so that it is imported again, and counted
    with atheris.instrument_imports(include=[*_COUNTED]):
        _fuzz(options)


def _fuzz(options: argparse.Namespace) -> None:
    from tests.fuzz.rules import INPUT_BYTES, judge
    from tests.fuzz.targets import TARGETS

    target = TARGETS[options.target]
    run = target.open()
    seeds = [seed for seed in target.seeds() if len(seed) <= INPUT_BYTES]
    for seed in seeds:
        judge(run, seed)  # what is imported late is imported now
        (options.corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    kept: dict[str, int] = {}

    def one_input(data: bytes) -> None:
        finding = judge(run, data)
        if finding is None or kept.get(finding.signature, 1 << 30) <= len(data):
            return
        kept[finding.signature] = len(data)  # the shortest input for each is kept
        name = options.found / finding.signature[:120]
        name.with_suffix(".bin").write_bytes(data)
        name.with_suffix(".txt").write_text(finding.detail, "utf-8", "replace")

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        return target.mutate(data, most, random.Random(seed), atheris.Mutate)

    arguments = [
        sys.argv[0],
        str(options.corpus),
        f"-max_len={INPUT_BYTES}",
        f"-max_total_time={options.seconds}",
        f"-timeout={_LONGEST_RUN_S}",
        "-rss_limit_mb=2048",
        f"-artifact_prefix={options.found}/",
        "-print_final_stats=1",
        "-len_control=0",
    ]
    atheris.Setup(arguments, one_input, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
