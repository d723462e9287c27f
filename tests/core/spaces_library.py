"""What the tests of changing models ask of a library, and a process that fills a space slowly, to be killed.

``python -m tests.core.spaces_library HOME TEXT PHOTO SPEECH`` indexes with these models.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from core.config import folders_under
from core.extract.pool import SandboxPool
from core.index.indexer import Indexer
from core.search.answerer import Answerer
from core.search.question import Question
from core.store.filters import FileFilter
from core.store.spaces import LOOK_ALIKE_MODEL
from core.store.store import Store
from core.types import Channel, Kind, ModelRole, SegmentKind
from tests.fakes import FakeEncoders, FakeSpeech

_KINDS = {
    ModelRole.TEXT: (SegmentKind.PASSAGE, SegmentKind.SPEECH),
    ModelRole.PHOTO: (SegmentKind.PHOTO,),
}


def searched(store: Store, role: ModelRole) -> str | None:
    """The model in whose space a role is searched."""
    found = store.spaces.searched(role)
    return found.space.model if found is not None else None


def models_with_spaces(store: Store) -> list[str]:
    """The models that have a space in the index, the descriptor's left out."""
    spaces = [store.vectors.space(space_id) for space_id in store.vectors.space_ids()]
    return sorted(space.model for space in spaces if space is not None and space.model != LOOK_ALIKE_MODEL)


def held(store: Store, role: ModelRole) -> set[str]:
    """The names of the files of which every segment has a vector in the searched space."""
    space = store.spaces.searched(role)
    if space is None:
        return set()
    names: set[str] = set()
    scores = store.vectors.rows(space.id)
    contents = {content_id for rows in scores for content_id in rows.content_ids.tolist()}
    for content_id, files in store.files.rows_of_contents(sorted(contents)).items():
        if not store.segments.without_vector(content_id, space.id, _KINDS[role]):
            names |= {Path(os.fsdecode(row.path)).name for row in files}
    return names


def found_by_meaning(store: Store, encoders: FakeEncoders, words: str, kind: Kind) -> list[str]:
    """The names of the files that vectors find for words, best first, whatever else finds them."""
    question = Question(words, (), FileFilter(kinds=frozenset({kind})), 50, True)
    answer = Answerer(store, encoders).answer(question)
    channel = Channel.CLIP_IMAGE if kind is Kind.PHOTO else Channel.DOCUMENT_DENSE
    return [hit.name for hit in answer.hits if any(why.channel is channel for why in hit.best.why)]


def main() -> None:
    home, text, photo, speech_model = sys.argv[1:]
    folders = folders_under(Path(home))
    encoders = FakeEncoders(text=text, photo=photo)
    encoders.before_batch = lambda: time.sleep(0.05)
    speech = FakeSpeech({440: f"the old green house of {speech_model}"}, model=f"{speech_model}@w1")
    speech.before_window = lambda: time.sleep(0.2)
    store = Store(folders)
    reader = SandboxPool(2)
    try:
        Indexer(store, reader, encoders, speech, folders).run()
    finally:
        reader.close()
        store.close()


if __name__ == "__main__":
    main()
