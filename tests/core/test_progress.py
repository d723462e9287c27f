"""What a run says of itself while it works and when it ends."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.cancel import CancelToken
from core.extract.sandbox import Sandbox
from core.index.meter import SEND_S, Meter
from core.types import ModelRole, Progress, Stage
from core.watch.scan import reconcile_roots
from tests.library import KINDS, Library


def test_progress_ends_at_its_total(library: Library) -> None:
    library.some_of_everything()
    (library.folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 this is no picture")
    library.reader.before = lambda _path: time.sleep(2 * SEND_S)
    seen: list[Progress] = []
    library.run(on_progress=seen.append)
    assert seen[0].scanning
    assert seen[-1].stage is None
    assert (seen[-1].done, seen[-1].total, seen[-1].failed) == (6, 6, 1)
    assert all(progress.done <= progress.total for progress in seen)
    reading = [progress for progress in seen if progress.stage is Stage.CONTENT]
    assert all(progress.current for progress in reading)
    assert reading[-1].per_s > 0
    assert reading[-1].left_s is not None


def test_progress_comes_ten_times_a_second_at_most(library: Library) -> None:
    now_s = 0.0
    sent: list[float] = []
    meter = Meter(library.store, set(), lambda _progress: sent.append(now_s), clock=lambda: now_s)
    for hundredth in range(500):
        now_s = hundredth / 100
        meter.show(Stage.CONTENT, "a.txt", [Stage.CONTENT])
    assert len(sent) == pytest.approx(50, abs=2)
    assert all(later - early >= SEND_S for early, later in pairwise(sent))


def test_rates_follow_the_work_and_leave_out_what_came_in_between(library: Library) -> None:
    for number in range(30):
        library.text(f"{number}.txt", f"number {number}")
    reconcile_roots(library.store, library.store.roots.all())
    now_s = 0.0
    seen: list[Progress] = []
    meter = Meter(library.store, set(), seen.append, clock=lambda: now_s)

    def work_s(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    def transcribe() -> None:
        work_s(10.0)
        meter.time(Stage.CONTENT, 5, lambda: work_s(1.0))
        work_s(10.0)

    meter.show(Stage.CONTENT, None, [Stage.CONTENT], at_once=True)
    assert (seen[-1].per_s, seen[-1].left_s) == (0.0, None)
    meter.time(Stage.SPEECH, 1, transcribe)
    meter.show(Stage.SPEECH, None, [Stage.CONTENT, Stage.SPEECH], at_once=True)
    assert seen[-1].per_s == pytest.approx(1 / 20)
    assert seen[-1].left_s == pytest.approx(30 / 5)


kinds = st.sampled_from(KINDS)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.lists(kinds, max_size=6),
    second=st.lists(kinds, max_size=4),
    models=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    cancel_after=st.none() | st.integers(0, 5),
)
def test_a_report_always_adds_up(
    tmp_path_factory: pytest.TempPathFactory,
    sandbox: Sandbox,
    first: list[str],
    second: list[str],
    models: tuple[bool, bool, bool],
    cancel_after: int | None,
) -> None:
    library = Library(tmp_path_factory.mktemp("report"), sandbox)
    text, photo, speech = models
    library.encoders.text_model = "fake-text" if text else None
    library.encoders.photo_model = "fake-photo" if photo else None
    library.speech.model_name = "fake-speech@w1" if speech else None
    try:
        library.put(first, "first-")
        cancel = CancelToken()

        def stop(_path: bytes) -> None:
            if cancel_after is not None and library.reader.reads > cancel_after:
                cancel.cancel()

        library.reader.before = stop
        library.run(cancel=cancel)  # ``Library.run`` checks the sums
        library.put(second, "second-")
        for path in list(library.folder.iterdir())[:2]:
            path.unlink()
        report = library.run()
        assert report.files == len(list(library.folder.iterdir()))
        assert set(report.waiting) <= {
            role
            for role, there in zip((ModelRole.TEXT, ModelRole.PHOTO, ModelRole.SPEECH), models, strict=True)
            if not there
        }
        again = library.run()
        assert (again.indexed, again.encoded) == (0, 0)
    finally:
        library.close()
