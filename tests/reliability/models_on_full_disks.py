"""Models on disks that are full: fetched, imported, prepared and converted, at several moments of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from core.config import Settings, load_settings
from core.errors import NoRoomError
from core.models.catalogue import Catalogue, CatalogueEntry, shipped_catalogue
from core.models.download import download
from core.models.installed import WORK_FOLDER, find_installed
from core.models.library import fetch_model, import_model
from core.models.prepare import Sample, prepare_model
from core.models.prepared import Prepared, prepared_folder, read_prepared, require_unchanged
from core.models.specs import Tower
from core.models.speech_forms import ChosenTranscriber, forms_folder
from core.resources import resource as ours
from core.search.background import EVERYDAY_QUERIES
from tests.core.hub_server import Hub, running_hub
from tests.limits import limited
from tests.reliability.disk import Home, files_below, filled, no_room_told, told_of_room

_LARGE = 25_000_000


def fetching_a_model(base: Path) -> str:
    """No room before, and from the middle of a transfer on; what came is gone on with."""
    home = Home(base)
    settings = load_settings(home.folders)
    with running_hub() as hub:
        entry = _published(hub, ours("demo", "models", "demo-whisper", "demo-whisper.pt"))
        with filled(home.mount), no_room_told(home.folders.models):
            fetch_model(settings, entry.name, catalogue=Catalogue((entry,)))
        assert hub.requests == [], "what does not fit is not begun"
        assert fetch_model(settings, entry.name, catalogue=Catalogue((entry,))).installed

        (base / "large.pt").write_bytes(np.random.default_rng(5).bytes(_LARGE))
        large, work = _published(hub, base / "large.pt"), home.folders.models / "work"
        work.mkdir()
        hub.requests.clear()
        with limited(_LARGE // 2), no_room_told(work) as said:
            download(large, work)
        assert not (work / large.weights).exists()
        assert download(large, work) == large.weights
        assert (work / large.weights).read_bytes() == (base / "large.pt").read_bytes()
        assert len(hub.ranges()) == 1, "what came is not fetched again"
    return said[0]


def importing_a_model(base: Path) -> str:
    """No room before, and none from the middle of the copy on; nothing of it is left."""
    home = Home(base)
    settings, source = load_settings(home.folders), ours("demo", "models", "demo-clip")
    with filled(home.mount), no_room_told(home.folders.models):
        import_model(settings, source, demo=True)
    with limited(4_000_000), no_room_told(home.folders.models) as said:
        import_model(settings, source, demo=True)
    assert files_below(home.folders.models) <= {"demo-clip.lock"}
    assert import_model(settings, source, demo=True).installed
    return said[0]


def preparing_a_model(base: Path) -> str:
    """Full at each of its steps: it is prepared whole, or not at all, and never without what did not fit."""
    home = Home(base, size_bytes=150_000_000)
    settings = load_settings(home.folders)
    import_model(settings, ours("demo", "models", "demo-clip"), demo=True)
    sample = Sample(texts=EVERYDAY_QUERIES)
    said, refused, step, kept_whole = "", 0, 0, False
    while not kept_whole:
        with filled_from_step(home.mount, step) as on_progress:
            try:
                prepare_model(settings, "demo-clip", sample, on_progress, seconds=0.01)
                kept_whole = True
            except NoRoomError as error:
                said, refused = str(error), refused + 1
                assert told_of_room(said, home.folders.models), said
        if not kept_whole:
            assert _prepared(settings) is None
            assert not [name for name in files_below(home.folders.models / WORK_FOLDER) if not name.endswith(".lock")]
        step += 3  # each takes a while, and every step of a kind is alike
    prepared = _prepared(settings)
    assert prepared is not None
    assert prepared.graph(Tower.WORDS) is not None
    assert "words-fp32.blob" in {record.path for record in prepared.files}
    assert refused >= 2
    return f"refused {refused} times, at every third step: {said}"


def converting_a_speech_model(base: Path) -> str:
    """The reference hears alone where its fast form finds no room; the next start converts it."""
    home = Home(base)
    settings = load_settings(home.folders)
    import_model(settings, ours("demo", "models", "demo-whisper"), demo=True)
    model = find_installed(settings, "demo-whisper")
    assert model is not None
    said = ""
    for limit_bytes in (0, 100_000, 5_000_000):
        with limited(limit_bytes):
            refused = ChosenTranscriber(model)
        (said,) = refused.take_notes()
        assert "the converted model cannot be written" in said, said
        assert refused.forms.current is None
        assert not forms_folder(model).exists() or not files_below(forms_folder(model))
        del refused
    assert ChosenTranscriber(model).forms.current is not None
    return said


CASES: tuple[Callable[[Path], str], ...] = (
    fetching_a_model, importing_a_model, preparing_a_model, converting_a_speech_model,
)  # fmt: skip


@contextmanager
def filled_from_step(folder: Path, step: int) -> Iterator[Callable[[int, int, str], None]]:
    """A listener to progress that fills the folder's disk when it is told of the step of that number."""
    with ExitStack() as stack:
        told = 0

        def on_progress(_done: int, _total: int, _what: str) -> None:
            nonlocal told
            if told == step:
                stack.enter_context(filled(folder))
            told += 1

        yield on_progress


def _published(hub: Hub, file: Path) -> CatalogueEntry:
    """A Whisper checkpoint that the hub offers."""
    digest = sha256(file.read_bytes()).hexdigest()
    hub.plain[f"/{digest}/base.pt"] = file
    url, entry = f"{hub.url}/{digest}/base.pt", shipped_catalogue().get("whisper-base")
    return replace(entry, url=url, sha256=digest, size_bytes=file.stat().st_size)


def _prepared(settings: Settings) -> Prepared | None:
    model = find_installed(settings, "demo-clip")
    assert model is not None
    prepared = read_prepared(prepared_folder(settings, model), model)
    if prepared is not None:
        require_unchanged(prepared_folder(settings, model), prepared)
    return prepared
