"""``python -m tests.benchmarks [NAME…]``: measure the topics, print their tables, write JSON and plots."""

# Spawned children import this module again: nothing heavy may be imported above ``main``.
from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOPICS = (
    "machine", "photos", "formats", "encoders", "text", "speech", "vectors", "fulltext", "scan", "load", "query",
    "guest", "growth", "profile",
)  # fmt: skip
NOT_BY_DEFAULT = frozenset({"profile"})


def main() -> int:
    arguments = _arguments()
    names = list(arguments.names) or [name for name in TOPICS if name not in NOT_BY_DEFAULT]
    unknown = [name for name in names if name not in TOPICS]
    if unknown:
        print(f"no such topic: {', '.join(unknown)}; there are {', '.join(TOPICS)}", file=sys.stderr)
        return 2
    if len(names) > 1:
        # A process for each: what one leaves in memory, or breaks, is no other's business.
        failed = [name for name in names if subprocess.run(_again(name, arguments), cwd=ROOT).returncode]
        if failed:
            print(f"failed: {', '.join(failed)}", file=sys.stderr)
        return 1 if failed else 0
    return _measure(names[0], arguments)


def _measure(name: str, arguments: argparse.Namespace) -> int:
    from tests.benchmarks import machine, plots
    from tests.benchmarks.harness import Bench, Size, table

    topic = importlib.import_module(f"tests.benchmarks.{name}")
    size = Size(arguments.size)
    out: Path = arguments.out or (ROOT / "docs" / "benchmarks" if size is not Size.TINY else arguments.scratch / "out")
    out.mkdir(parents=True, exist_ok=True)
    minutes = f", about {topic.MINUTES:g} min" if size is Size.DEFAULT else ""
    print(f"# {name}: {topic.TITLE}{minutes}", flush=True)
    busy = machine.busy_share()
    started = time.monotonic()
    report = topic.run(Bench(size, arguments.scratch.resolve(), arguments.corpora.resolve()))
    if busy > 0.1:
        report.remarks.append(f"others used {busy:.0%} of the processor when this began: not to be quoted")
    took_s = time.monotonic() - started
    document = {
        "topic": name,
        "title": report.title,
        "about": report.about,
        "size": size.value,
        "machine": machine.describe(),
        "others_used": round(busy, 3),
        "seconds": round(took_s, 1),
        "rows": [row.as_json() for row in report.rows],
        "lines": [{"name": line.name, "unit": line.unit, "points": line.points} for line in report.lines],
        "remarks": report.remarks,
    }
    (out / f"{name}.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    (out / f"{name}.md").write_text(f"# {report.title}\n\n{report.about}\n\n{table(report)}\n", "utf-8")
    plots.draw(report, out / f"{name}.png")
    print(f"\n{table(report)}\n\n{took_s:.0f} s, written to {out}\n", flush=True)
    return 0


def _again(name: str, arguments: argparse.Namespace) -> list[str]:
    command = [sys.executable, "-m", "tests.benchmarks", name, "--size", arguments.size]
    command += ["--scratch", str(arguments.scratch), "--corpora", str(arguments.corpora)]
    return command + (["--out", str(arguments.out)] if arguments.out else [])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(TOPICS)}; all by default")
    parser.add_argument("--size", choices=("tiny", "default", "full"), default="default")
    parser.add_argument("--full", dest="size", action="store_const", const="full", help="the long runs too")
    parser.add_argument("--out", type=Path, help="where JSON, tables and plots go; docs/benchmarks by default")
    parser.add_argument("--scratch", type=Path, default=Path.home() / ".cache" / "findling-benchmarks")
    parser.add_argument("--corpora", type=Path, default=ROOT.parent / "shared" / "corpora")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
