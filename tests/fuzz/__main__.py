"""Fuzz the readers under atheris: ``python -m tests.fuzz [TARGET ...] [--seconds 300] [--at-once 2] [--into FOLDER]``.

Every target has a process of its own. What libFuzzer ends, a hang or a crash, is noted and the target goes on for the
time that is left. New findings lie under FOLDER/TARGET/found; one that is mended belongs under ``findings/TARGET``
here, where the tests try it from then on. ``--replay TARGET FILE`` shows what one input does, without atheris.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

_STARTS = 10  # of one target: one that dies more often has shown what it has to show
_GRACE_S = 180  # to make seeds and to end


@dataclass
class Account:
    """What one target's run came to."""

    target: str
    executions: int = 0
    seconds: float = 0.0
    coverage: int = 0  # branches of Python code that inputs reached, as atheris counts them
    inputs: int = 0  # that reached something new
    found: list[str] = field(default_factory=list)

    def row(self) -> str:
        found = "; ".join(self.found) or "none"
        return (
            f"| {self.target} | {self.executions:,} | {self.seconds:.0f} | {self.coverage} | {self.inputs} | {found} |"
        )


def main() -> int:
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=300, help="for each target")
    parser.add_argument("--at-once", type=int, default=1, help="targets that run at the same time")
    parser.add_argument("--into", type=Path, help="where inputs, findings and logs go; a new folder otherwise")
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"), help="try one input")
    options = parser.parse_args()
    if options.replay:
        return _replay(*options.replay)
    unknown = sorted(set(options.targets) - set(TARGETS))
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}")
    if importlib.util.find_spec("atheris") is None:
        parser.error("needs atheris, which there is for Linux: pip install -e '.[fuzz]'")
    into: Path = options.into or Path(tempfile.mkdtemp(prefix="findling-fuzz-"))
    with ThreadPoolExecutor(options.at_once) as pool:
        rows = pool.map(lambda name: _fuzz(name, options.seconds, into / name), options.targets or list(TARGETS))
        print(
            "| target | executions | seconds | branches | inputs kept | found |\n|---|--:|--:|--:|--:|---|", flush=True
        )
        found = 0
        for account in rows:
            found += len(account.found)
            print(account.row(), flush=True)
    print(f"\ninputs, findings and logs: {into}")
    return 1 if found else 0


def _fuzz(target: str, seconds: int, folder: Path) -> Account:
    account = Account(target)
    corpus, found = folder / "corpus", folder / "found"
    for one in (corpus, found):
        one.mkdir(parents=True, exist_ok=True)
    for attempt in range(_STARTS):
        left = int(seconds - account.seconds)
        if left < 5:
            break
        log = folder / f"log-{attempt}.txt"
        command = [sys.executable, "-m", "tests.fuzz.child", target, "--seconds", str(left)]
        start = time.monotonic()
        memory = Path("/dev/shm")
        with log.open("wb") as output, tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
            try:
                subprocess.run(
                    [*command, "--corpus", str(corpus), "--found", str(found)],
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    check=False,
                    timeout=left + _GRACE_S,
                    env={**os.environ, "TMPDIR": scratch},  # libFuzzer ends a process before it tidies up
                    preexec_fn=lambda: os.nice(19),
                )
            except subprocess.TimeoutExpired:
                account.found.append("did not end")
        _read_log(log.read_text("utf-8", "replace"), account, time.monotonic() - start)
    names = {path.name.partition("-")[0] if path.suffix == "" else path.stem for path in found.iterdir()}
    account.found.extend(sorted(names - {"slow"} if "slow" in names and not _confirmed(target, found) else names))
    return account


def _read_log(text: str, account: Account, seconds: float) -> None:
    """libFuzzer's own words: ``#123 NEW cov: 45 ft: 67 corp: 8/9Kb`` and ``Done 123 runs in 4 second(s)``."""
    counts = re.findall(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: \d+ corp: (\d+)", text, re.MULTILINE)
    done = re.search(r"^Done (\d+) runs in (\d+) second", text, re.MULTILINE)
    if not counts and not done:
        account.found.append("did not start")
    if counts:
        account.coverage = max(account.coverage, *(int(cov) for _, cov, _ in counts))
        account.inputs = max(account.inputs, *(int(kept) for _, _, kept in counts))
    if not done:
        account.found.append("ended early: see its log")
    account.executions += int(done[1]) if done else int(counts[-1][0]) if counts else 0
    account.seconds += float(done[2]) if done else seconds


def _confirmed(target: str, found: Path) -> bool:
    """Whether a slow input is slow without being counted along, too."""
    command = [sys.executable, "-m", "tests.fuzz", "--replay", target, str(found / "slow.bin")]
    return subprocess.run(command, capture_output=True, check=False).returncode != 0


def _replay(target: str, path: str) -> int:
    from tests.fuzz.rules import judge
    from tests.fuzz.targets import TARGETS

    start = time.process_time()
    finding = judge(TARGETS[target].open(), Path(path).read_bytes())
    print(finding.detail if finding else "every rule holds", f"({time.process_time() - start:.2f} s)")
    return 1 if finding else 0


if __name__ == "__main__":
    raise SystemExit(main())
