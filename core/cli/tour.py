"""``findling demo --tour``: the whole job in the terminal, on the demo's own library."""

from __future__ import annotations

from core.cli import wording
from core.cli.progress import index_bar, stoppable
from core.cli.session import err, opened, out, say
from core.demo import TourStep, prepare_demo, run_tour
from core.errors import ExitCode
from core.wording import plural


def show_tour() -> int:
    """Index the demo library and ask every query of the tour; OK only if each answer is right."""
    demo = prepare_demo()
    say(f"Demo library: {wording.printable(str(demo.library))}")
    say("Its models are tiny demo models that know this library's small world alone.")
    with opened(demo.settings) as engine:
        engine.add_root(demo.library)
        with stoppable() as stop, index_bar(err()) as on_progress:
            report = engine.index(on_progress=on_progress, cancel=stop.token)
        for line in wording.report_lines(report):
            say(line)
        if report.cancelled:
            return stop.exit_code
        wrong = 0
        for step in run_tour(engine, demo.library):
            _show(step)
            wrong += step.wrong is not None
    say(f"\n{'Every answer is right.' if not wrong else plural(wrong, 'answer') + ' not as expected.'}")
    return ExitCode.OK if not wrong else ExitCode.NOTHING_FOUND


def _show(step: TourStep) -> None:
    say(f"\n{step.name}: {_asked(step)}")
    console = out()
    for rank, hit in enumerate(step.result.hits[:2], start=1):
        for line in wording.hit_lines(rank, hit):
            console.print(line)
    if not step.result.hits:
        say("     Nothing here matches")
    say(f"     right, in {step.result.took_ms:.0f} ms" if step.wrong is None else f"     WRONG: {step.wrong}")


def _asked(step: TourStep) -> str:
    query = step.query
    parts = [f'"{query.text}"'] if query.text else []
    parts += [f"like {wording.printable(path.name)}" for path in query.like]
    parts += [f"only {kind.value}" for kind in sorted(query.kinds)]
    parts += [f"from {query.after}"] if query.after else []
    parts += [f"before {query.before}"] if query.before else []
    return ", ".join(parts)
