"""Which channels each part of a query asks, and the lists that judge several parts together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.search.dense import CLIP_LIKENESS, LOOK_ALIKE_LIKENESS, DenseRetriever, Scored
from core.search.evidence import TEXT_CHANNELS, Evidence, Found
from core.search.lexical import LexicalRetriever
from core.search.matrices import Matrices
from core.search.part import Part
from core.store.allowed import Allowed
from core.store.filters import FileFilter
from core.store.spaces import LOOK_ALIKE_MODEL
from core.store.store import Store
from core.types import Channel, Matrix


@dataclass(frozen=True)
class SearchSpace:
    """An embedding space of the index, and the everyday queries in it."""

    id: int
    bank: Matrix


def gather(
    store: Store,
    matrices: Matrices,
    where: FileFilter,
    files: int,
    parts: Sequence[Part],
    text: SearchSpace | None,
    photo: SearchSpace | None,
) -> list[Evidence]:
    """Every channel's answer to every part that has something to ask it, empty ones left out.

    ``where`` says which files may be found, ``files`` how many a list may hold.
    """
    lexical = LexicalRetriever(store, where, files)
    dense = DenseRetriever(matrices, Allowed(store.database, where), files)
    evidence: list[Evidence] = []
    for number, part in enumerate(parts):
        evidence.extend(_lexical(lexical, part, number))
    if text is not None:
        evidence.extend(_text_space(dense, parts, text))
    if photo is not None:
        evidence.extend(_photo_space(matrices, dense, parts, photo))
    evidence.extend(_look_alikes(store, matrices, dense, parts))
    return [one for one in evidence if one.found]


def _lexical(retriever: LexicalRetriever, part: Part, number: int) -> list[Evidence]:
    found = [retriever.names(part.name_terms, number)]
    found.extend(retriever.full_text(part.terms, kind, number, like=part.is_example) for kind in TEXT_CHANNELS)
    if part.content_id is not None:
        found.append(Evidence(Channel.SAME_CONTENT, (number,), (Found(1.0, 1.0, content_id=part.content_id),)))
    return found


def _text_space(retriever: DenseRetriever, parts: Sequence[Part], space: SearchSpace) -> list[Evidence]:
    scans = {number: retriever.scan(space.id, part.text) for number, part in enumerate(parts) if part.text is not None}
    evidence: list[Evidence] = []
    for kind, (_, channel) in TEXT_CHANNELS.items():
        evidence.extend(retriever.dense_text(scored, kind, space.bank, number) for number, scored in scans.items())
        if len(scans) > 1:
            evidence.append(retriever.together(channel, kind, scans))
    return evidence


def _photo_space(
    matrices: Matrices, retriever: DenseRetriever, parts: Sequence[Part], space: SearchSpace
) -> list[Evidence]:
    evidence: list[Evidence] = []
    scans: dict[int, Scored] = {}
    for number, part in enumerate(parts):
        if part.photo is None:
            continue
        scored = scans[number] = retriever.scan(space.id, part.photo)
        if part.is_example:
            same = matrices.hashes.near(part.phash)
            evidence.append(retriever.pictures_like(CLIP_LIKENESS, scored, number, same))
        else:
            evidence.append(retriever.photos_by_words(scored, space.bank, number))
    if len(scans) > 1:
        evidence.append(retriever.together(Channel.CLIP_IMAGE, None, scans))
    return evidence


def _look_alikes(store: Store, matrices: Matrices, retriever: DenseRetriever, parts: Sequence[Part]) -> list[Evidence]:
    space = store.vectors.newest_space(LOOK_ALIKE_MODEL)
    space_id = store.vectors.find_space(space) if space is not None else None
    if space_id is None:
        return []
    evidence: list[Evidence] = []
    for number, part in enumerate(parts):
        if part.look_alike is not None:
            scored, same = retriever.scan(space_id, part.look_alike), matrices.hashes.near(part.phash)
            evidence.append(retriever.pictures_like(LOOK_ALIKE_LIKENESS, scored, number, same))
    return evidence
