"""``findling models``: what is here, what can be had, and having it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli import shapes, wording
from core.cli.progress import download_bar, steps_bar, stoppable
from core.cli.session import complain, err, opened, say
from core.errors import Cancelled, ExitCode, FindlingError, UsageError
from core.types import ModelInfo

if TYPE_CHECKING:
    from core.engine import Engine
    from core.models.specs import Trial

models_app = typer.Typer(help="List, fetch, import, verify and choose models.", no_args_is_help=False)


@models_app.command("list")
def list_models(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the models that are here and those that can be fetched."""
    with opened() as engine:
        models = engine.models()
    if as_json:
        say(shapes.dumps(shapes.models_shape(models)))
        return
    for model in models:
        say(wording.model_line(model))


@models_app.command()
def fetch(
    name: Annotated[str, typer.Argument(show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Fetch a model from its source, after a yes. Nothing else in Findling uses the network."""
    with opened() as engine:
        model = _named(engine.models(), name)
        if model.installed:
            say(f"{model.name} is here already")
            return ExitCode.OK
        say(f"{model.title}: {wording.file_size(model.size_bytes)}, licence {model.licence}, from {model.source}")
        if not yes and not _agreed(model):
            return ExitCode.OK
        with stoppable() as stop, download_bar(err(), model.name) as on_progress:
            fetched = engine.fetch_model(name, on_progress, stop.token)
        if fetched.dim is not None:
            prepare_now(engine, fetched.name)
    say(f"{fetched.name} is here" + (" and in use" if fetched.active else f": findling models use {fetched.name}"))
    return ExitCode.OK


@models_app.command("import")
def import_model(folder: Annotated[Path, typer.Argument(show_default=False)]) -> None:
    """Take a model from a folder on this computer."""
    with opened() as engine:
        model = engine.import_model(folder)
        if model.dim is not None:
            prepare_now(engine, model.name)
    say(f"{model.name} is here" + (" and in use" if model.active else f": findling models use {model.name}"))


@models_app.command()
def prepare(name: Annotated[str, typer.Argument(show_default=False)]) -> None:
    """Choose how a model runs on this computer: the fastest form that finds the same."""
    with opened() as engine:
        trials = _prepared(engine, name)
    say(wording.TRIAL_HEADING)
    for trial in trials:
        say(wording.trial_line(trial))


@models_app.command()
def verify() -> int:
    """Hash the files of every model that is here again, and compare."""
    with opened() as engine:
        found = engine.verify_models()
    for model, is_whole, detail in found:
        say(f"{'ok    ' if is_whole else 'WRONG '} {model.name}: {wording.printable(detail)}")
    return ExitCode.OK if all(is_whole for _, is_whole, _ in found) else ExitCode.MODEL_MISSING


@models_app.command()
def use(name: Annotated[str, typer.Argument(show_default=False)]) -> None:
    """Use a model that is here for what it does: text, photos or speech."""
    with opened() as engine:
        filling = engine.use_model(name)
    say(wording.used_line(name, filling))


def _prepared(engine: Engine, name: str) -> tuple[Trial, ...]:
    with stoppable() as stop, steps_bar(err()) as on_progress:
        return engine.prepare_model(name, on_progress, stop.token)


def prepare_now(engine: Engine, name: str) -> None:
    """Prepare a model by the way; without that it runs too, only slower."""
    try:
        _prepared(engine, name)
    except (FindlingError, Cancelled) as error:
        complain(f"{name} runs as it came ({str(error) or 'stopped'}): findling models prepare {name}")


def _named(models: list[ModelInfo], name: str) -> ModelInfo:
    for model in models:
        if model.name == name:
            return model
    raise UsageError(f"no model is called {name}: findling models list names them")


def _agreed(model: ModelInfo) -> bool:
    """Ask. Raises ``UsageError`` where nobody can answer."""
    if not sys.stdin.isatty():
        raise UsageError(f"fetching {model.name} needs a yes: run it in a terminal, or with --yes")
    agreed = typer.confirm("Fetch it?", default=False)
    if not agreed:
        complain("nothing was fetched")
    return agreed
