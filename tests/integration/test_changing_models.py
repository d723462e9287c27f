"""Changing the text model of a real installation: real models, real processes, a real kill, searches all the while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import Settings, folders_under
from core.models.library import import_model
from core.store.store import Store
from tests.command_line import PATIENCE_S, Findling
from tests.core.model_bundles import make_sentence_transformer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

OLD, NEW = "all-MiniLM-L6-v2", "tiny-text"
NOTES = 100
TOPICS = ("the garden behind the house", "an invoice for the roof", "a walk in the mountains", "the recipe of a soup")


@pytest.fixture
def findling(tmp_path: Path) -> Iterator[Findling]:
    findling = Findling(tmp_path / "home")
    yield findling
    findling.stop_all()


def by_meaning(findling: Findling, words: str) -> list[str]:
    """The names of the files that their meaning finds."""
    hits = findling.json("search", words, "--all")["hits"]
    return [Path(hit["path"]).name for hit in hits if any(why["channel"] == "document-dense" for why in hit["why"])]


def encoded(store: Store) -> int:
    """How many vectors of the new model there are."""
    spaces = {space_id: store.vectors.space(space_id) for space_id in store.vectors.space_ids()}
    ids = [space_id for space_id, space in spaces.items() if space is not None and space.model == NEW]
    return sum(store.vectors.count_in(space_id) for space_id in ids)


def test_search_stays_on_the_old_model_through_a_kill_and_moves_when_all_is_done(
    findling: Findling, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    library.mkdir()
    for number in range(NOTES):
        (library / f"{number}.txt").write_text(f"Note {number} is about {TOPICS[number % len(TOPICS)]}.", "utf-8")
    (library / "log.txt").write_text("We took the old sailing boat out at sunset and came back after dark.", "utf-8")
    findling.json("index", library)
    import_model(
        Settings(folders_under(findling.home)), make_sentence_transformer(tmp_path / NEW), demo=True
    )  # as a demo model it is used where it is chosen, and not otherwise

    said, _ = findling.run("models", "use", NEW)
    assert said == f"{NEW} is in use from now on: search stays on {OLD} until all {NOTES + 1} files are done\n"
    filling = {"model": NEW, "searched": OLD, "done": 0, "total": NOTES + 1}
    assert findling.json("status")["filling"] == {"text": filling}
    listed = {model["name"]: model for model in findling.json("models", "list")["models"]}
    assert (listed[NEW]["active"], listed[NEW]["searched"], listed[NEW]["filling"]) == (True, False, filling)
    assert (listed[OLD]["active"], listed[OLD]["searched"], listed[OLD]["filling"]) == (False, True, None)

    store = Store(folders_under(findling.home), keeps=False)
    try:
        indexing = findling.start("index")
        deadline = time.monotonic() + PATIENCE_S
        while not encoded(store) and indexing.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        indexing.kill()
        indexing.communicate()
        kept = encoded(store)
        assert kept > 0
    finally:
        store.close()

    told = findling.json("status")["filling"]
    if told:  # else it had moved already when it was killed
        assert told["text"]["done"] == kept
        assert by_meaning(findling, "a ship on the sea")[0] == "log.txt"

    report = findling.json("index")
    assert report["encoded"] == NOTES + 1 - kept, "nothing is encoded twice"
    status = findling.json("status")
    assert (status["filling"], status["vectors"], status["pending"]) == ({}, NOTES + 1, 0)
    assert by_meaning(findling, "sailing boat at sunset"), "the new model answers"
    assert findling.json("index")["encoded"] == 0
    assert findling.json("doctor")["ok"]
