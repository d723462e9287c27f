"""The Cranfield collection, and how well search answers its queries.

    python -m tests.quality.cranfield [--corpora DIR] [--home DIR]

writes the 1,400 abstracts out as text files, indexes them with the shipped text encoder through the whole pipeline,
asks the 225 queries, and prints what docs/measurements.md reports. ``--home`` keeps the index for another run.
"""

from __future__ import annotations

import argparse
import csv
import random
import re
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.config import Settings, folders_under
from core.engine import Engine
from core.models.host import EncoderHost
from core.search.background import Banks
from core.search.channels import SearchSpace, gather
from core.search.fuse import RankedList, fuse
from core.search.matrices import Matrices
from core.search.part import Notes, words_part
from core.search.query import parse
from core.store.filters import FileFilter
from core.store.store import Store
from core.types import Channel, Kind, Query
from tests.conftest import CORPORA

DOCUMENTS = 1400
QUERIES = 225


@dataclass(frozen=True)
class Collection:
    """Documents by number, queries in order, and for each query its relevant documents with Cleverdon's grade.

    A grade is 1 (a complete answer) to 4 (of minimum interest); -1 marks the paper that the query was made from.
    """

    documents: dict[int, str]
    queries: tuple[str, ...]
    relevant: tuple[dict[int, int], ...]


def read_collection(folder: Path) -> Collection:
    """Read ``cran.all.1400``, ``cran.qry`` and ``cranqrel``. The judgements number queries by position, not by id."""
    documents = {int(number): text for number, text in _records(folder / "cran.all.1400")}
    queries = tuple(" ".join(text.split()) for _, text in _records(folder / "cran.qry"))
    relevant: list[dict[int, int]] = [{} for _ in queries]
    for line in (folder / "cranqrel").read_text("ascii").splitlines():
        if line.strip():
            query, document, grade = (int(field) for field in line.split()[:3])
            relevant[query - 1][document] = grade
    return Collection(documents, queries, tuple(relevant))


def _records(path: Path) -> list[tuple[str, str]]:
    """Each record's number and the text of its field ``.W``."""
    records = []
    for record in re.split(r"^\.I ", path.read_text("ascii"), flags=re.MULTILINE)[1:]:
        number, _, rest = record.partition("\n")
        records.append((number.strip(), re.split(r"^\.W\n", rest, maxsplit=1, flags=re.MULTILINE)[1].strip()))
    return records


def write_documents(collection: Collection, folder: Path) -> None:
    """One text file for each document, named by its number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in collection.documents.items():
        (folder / f"{number:04}.txt").write_text(text + "\n", "ascii")


def ndcg(found: Sequence[int], gains: dict[int, float], depth: int = 10) -> float:
    """Normalised discounted cumulative gain at ``depth``. Source: Jarvelin and Kekalainen, TOIS 2002."""
    ideal = sorted(gains.values(), reverse=True)[:depth]
    return _discounted([gains.get(document, 0.0) for document in found[:depth]]) / _discounted(ideal)


def _discounted(gains: Sequence[float]) -> float:
    return float(sum(gain / np.log2(place + 1) for place, gain in enumerate(gains, 1)))


# How a grade becomes a gain. Without the source papers is how others count; with them is kinder, since a query shares
# many words with the paper it was made from.
GAINS: dict[str, Callable[[int], float]] = {
    "relevant or not, source papers left out": lambda grade: 1.0 if grade > 0 else 0.0,
    "relevant or not, source papers counted": lambda grade: 1.0,
    "graded 4 to 1, source papers left out": lambda grade: 5.0 - grade if grade > 0 else 0.0,
}
MAIN_GAIN = next(iter(GAINS.values()))


def rankings(engine: Engine, collection: Collection, *, include_gated: bool) -> list[list[int]]:
    """The first ten documents for each query."""
    found = (engine.search(Query(text, limit=10, include_gated=include_gated)).hits for text in collection.queries)
    return [[int(hit.name.split(".")[0]) for hit in hits] for hits in found]


def scores(ranked: Sequence[Sequence[int]], collection: Collection, gain: Callable[[int], float]) -> list[float]:
    """nDCG@10 of each query that has a relevant document under ``gain``."""
    values = []
    for documents, grades in zip(ranked, collection.relevant, strict=True):
        gains = {document: gain(grade) for document, grade in grades.items() if gain(grade) > 0}
        if gains:
            values.append(ndcg(documents, gains))
    return values


def strangers(corpora: Path, count: int) -> list[str]:
    """Captions of photographs: queries that nothing in Cranfield answers."""
    with (corpora / "flickr8k" / "captions.csv").open(newline="", encoding="utf-8") as file:
        captions = [row["caption"] for row in csv.DictReader(file)]
    return random.Random(1).sample(captions, count)


def open_index(home: Path, collection: Collection) -> Engine:
    """An engine over the indexed collection, with the shipped text encoder and no photo model."""
    if not (home / "cranfield").exists():
        write_documents(collection, home / "cranfield")
    engine = Engine.open(Settings(folders_under(home / "findling")))
    if not engine.roots():
        engine.add_root(home / "cranfield")
    report = engine.index()
    print(f"indexed {report.indexed} files in {report.seconds:.0f} s, {report.encoded} passages encoded")
    return engine


def channel_rankings(engine: Engine, collection: Collection) -> dict[Channel, list[list[int]]]:
    """What the encoder's and the full text's lists hold for each query, before the gate and before fusion."""
    store, encoders = Store(engine.settings.folders), EncoderHost(engine.settings)
    matrices = Matrices(store)
    found: dict[Channel, list[list[int]]] = {Channel.DOCUMENT_DENSE: [], Channel.FULL_TEXT: []}
    try:
        space = encoders.text_space()
        assert space is not None
        text = SearchSpace(store.vectors.space_id(space), Banks(store.notes).get(space, encoders.encode_queries))
        for query in collection.queries:
            part = words_part(parse(query), encoders, frozenset({Kind.DOCUMENT}), Notes())
            evidence = gather(store, matrices, FileFilter(), 200, [part], text, None)
            for channel, rankings in found.items():
                contents = [
                    one.content_id or 0 for list_ in evidence if list_.channel is channel for one in list_.found
                ]
                files = store.files.rows_of_contents(sorted(set(contents)))
                paths = (files[content_id][0].path for content_id in dict.fromkeys(contents))
                rankings.append([int(path[-8:-4]) for path in paths])
    finally:
        matrices.close()
        encoders.close()
        store.close()
    return found


def report_ranking(engine: Engine, collection: Collection) -> None:
    found = channel_rankings(engine, collection)
    ranked = {"full text alone": found[Channel.FULL_TEXT], "encoder alone": found[Channel.DOCUMENT_DENSE]}
    for share in (0.3, 0.4, 0.5, 0.6, 0.7):
        pairs = zip(found[Channel.DOCUMENT_DENSE], found[Channel.FULL_TEXT], strict=True)
        fused = (fuse([RankedList(dense, share), RankedList(lexical, 1.0 - share)]) for dense, lexical in pairs)
        ranked[f"fused, encoder's weight {share:.1f}"] = [
            sorted(one, key=lambda number, one=one: (-one[number], number)) for one in fused
        ]
    ranked["as shipped, gated"] = rankings(engine, collection, include_gated=False)
    print("\nnDCG@10: all queries (every other one, the rest)")
    for name, gain in GAINS.items():
        print(f"  {name}")
        for label, one in ranked.items():
            values = scores(one, collection, gain)
            halves = statistics.mean(values[::2]), statistics.mean(values[1::2])
            print(f"    {label:28} {statistics.mean(values):.3f} ({halves[0]:.3f}, {halves[1]:.3f})")


def report_gate(engine: Engine, collection: Collection, foreign: Sequence[str]) -> None:
    own = [engine.search(Query(text, limit=100)) for text in collection.queries]
    other = [engine.search(Query(text, limit=100)) for text in foreign]
    kept = found = 0
    for result, grades in zip(own, collection.relevant, strict=True):
        everything = engine.search(Query(result.query.text, limit=100, include_gated=True)).hits
        strong = {hit.name for hit in result.hits}
        relevant = {f"{document:04}.txt" for document in grades} & {hit.name for hit in everything}
        kept, found = kept + len(relevant & strong), found + len(relevant)
    print("\nthe gate")
    print(f"  Cranfield's queries answered: {sum(bool(result.hits) for result in own)} of {len(own)}")
    print(f"  relevant files among the first 100 that pass it: {kept} of {found} ({kept / found:.3f})")
    print(f"  photo captions answered: {sum(bool(result.hits) for result in other)} of {len(other)}")
    times = sorted(result.took_ms for result in own)
    print(f"\nms a query: median {statistics.median(times):.0f}, 95% {times[int(0.95 * len(times))]:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, default=CORPORA)
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    collection = read_collection(arguments.corpora / "cranfield")
    with tempfile.TemporaryDirectory() as temporary:
        engine = open_index(arguments.home or Path(temporary), collection)
        try:
            report_ranking(engine, collection)
            report_gate(engine, collection, strangers(arguments.corpora, QUERIES))
        finally:
            engine.close()


if __name__ == "__main__":
    main()
