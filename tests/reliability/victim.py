"""A process to be killed: ``python -m tests.reliability.victim COMMAND […]``, over the home that FINDLING_HOME names.

It is the engine as the command line runs it, with the stand-ins for models, so that most of its time goes into what a
kill may spoil: reading files and writing the index. ``FINDLING_HOME`` and ``--model`` are all that it is told.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from core.cancel import CancelToken
from core.cli.session import guarded
from core.config import load_settings
from core.engine import Engine
from core.log import log_nowhere
from core.types import Query
from tests.fakes import FakeEncoders, FakeSpeech


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("index", "watch", "add", "remove", "forget", "compact", "search", "retry"))
    parser.add_argument("folders", nargs="*", type=os.fsencode)
    parser.add_argument("--model", default="a", help="names the models: another name is a change of models")
    options = parser.parse_args()
    log_nowhere()
    raise SystemExit(guarded(lambda: _carry_out(options), verbose="FINDLING_TEST_VERBOSE" in os.environ))


def _carry_out(options: argparse.Namespace) -> None:
    model = options.model
    encoders = FakeEncoders(text=f"text-{model}", photo=f"photo-{model}")
    speech = FakeSpeech({440: "the old green house", 880: "a boat comes in"})
    engine = Engine.open(load_settings(), encoders=encoders, speech=speech)
    folders = [Path(os.fsdecode(folder)) for folder in options.folders]
    try:
        match options.command:
            case "index":
                for folder in folders:
                    engine.add_root(folder)
                engine.index()
            case "watch":
                engine.watch(cancel=CancelToken())
            case "add":
                engine.add_root(folders[0])
            case "remove":
                engine.remove_root(folders[0])
            case "forget":
                engine.forget(folders[0])
            case "retry":
                engine.retry_failed()
            case "search":
                print("\n".join(hit.name for hit in engine.search(Query(options.folders[0].decode())).hits))
            case "compact":
                from core.store.compact import compact

                with engine._writing("compact"):
                    compact(engine._store.database)
    finally:
        engine.close()


if __name__ == "__main__":
    main()
