"""Full text against brute force, and the bound on its work."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.config import folders_under
from core.search.lexical import LexicalRetriever
from core.search.query import Term
from core.store import fulltext
from core.store.connection import Database
from core.store.files import FoundFile
from core.store.filters import FileFilter
from core.store.fulltext import Candidates, FullText
from core.store.jobs import ModelState
from core.store.marks import Marker
from core.store.postings import Postings
from core.store.store import Store
from core.types import Extraction, FileStamp, Kind, Locator, Metadata, Passage, SegmentKind

WORDS = ("red", "boat", "house", "dog", "hill", "rain")
Texts = list[list[str]]

texts_of_words = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5), min_size=1, max_size=25)
words_to_find = st.lists(
    st.lists(st.sampled_from((*WORDS, "nothing")), min_size=1, max_size=2).map(tuple),
    min_size=1,
    max_size=4,
    unique=True,
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(tmp_path_factory.mktemp("fulltext") / "index.db")
    yield database
    database.close()


def fill(database: Database, texts: Texts) -> None:
    """The texts as rows 1, 2, and so on."""
    with database.write() as db:
        db.execute("INSERT INTO names_fts(names_fts) VALUES ('delete-all')")
        rows = ((number, " ".join(words), "") for number, words in enumerate(texts, 1))
        db.executemany("INSERT INTO names_fts (rowid, name, about) VALUES (?, ?, ?)", rows)


def ask(database: Database, terms: Sequence[tuple[str, ...]], bound: int) -> tuple[Postings, Candidates]:
    index = FullText(database, "names_fts", "bm25(names_fts, 4.0, 1.0)", bound)
    postings = index.postings(terms)
    return postings, index.candidates(postings, np.ones(len(terms)))


def truth(texts: Texts, terms: Sequence[tuple[str, ...]]) -> np.ndarray:
    """Which texts hold which terms, shape (texts, terms)."""
    return np.array([[_holds(words, term) for term in terms] for words in texts], dtype=bool)


def _holds(words: list[str], term: tuple[str, ...]) -> bool:
    return any(tuple(words[at : at + len(term)]) == term for at in range(len(words)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts_of_words, words_to_find)
def test_a_small_index_is_answered_by_bm25_alone(
    database: Database, texts: Texts, terms: list[tuple[str, ...]]
) -> None:
    fill(database, texts)
    postings, candidates = ask(database, terms, bound=1000)
    held = truth(texts, terms)
    assert postings.counts.tolist() == held.sum(axis=0).tolist()
    expression = " OR ".join(f'"{" ".join(term)}"' for term in terms)
    plain = database.connection.execute(
        "SELECT rowid, -bm25(names_fts, 4.0, 1.0) AS score FROM names_fts WHERE names_fts MATCH ? ORDER BY score DESC",
        (expression,),
    ).fetchall()
    assert candidates.rowids.tolist() == [rowid for rowid, _ in plain]
    assert candidates.scores.tolist() == pytest.approx([score for _, score in plain])
    assert (candidates.held == held[candidates.rowids - 1]).all()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts_of_words, words_to_find, st.integers(1, 6))
def test_common_words_lose_nothing_that_matters(
    database: Database, texts: Texts, terms: list[tuple[str, ...]], bound: int
) -> None:
    fill(database, texts)
    postings, candidates = ask(database, terms, bound)
    held = truth(texts, terms)
    counts = held.sum(axis=0)
    for count, read in zip(counts.tolist(), postings.counts.tolist(), strict=True):
        assert read == count if count <= bound else bound < read <= len(texts)
    # What is said of a row is true, or said to be unknown.
    said = candidates.held
    known = (said == 0) | (said == 1)
    assert (said[known] == held[candidates.rowids - 1][known]).all() or postings.counts.max() == len(texts)
    assert len(set(candidates.rowids.tolist())) == candidates.rowids.size
    # Every row of a telling term is there.
    telling = np.flatnonzero(held[:, counts <= bound].any(axis=1)) + 1
    assert set(telling.tolist()) <= set(candidates.rowids.tolist())
    # What holds everything is there, the newest of it, and nothing goes before it.
    whole = np.flatnonzero(held.all(axis=1)) + 1
    expected = whole[-bound:] if (counts > bound).all() else whole if (counts <= bound).any() else []
    if len(whole):
        assert set(np.asarray(expected).tolist()) <= set(candidates.rowids.tolist())
        assert held[candidates.rowids[0] - 1].all()
    assert (np.diff(np.round(candidates.scores / len(terms), 3)) <= 0).all() or postings.few


def test_the_work_does_not_grow_with_the_index(database: Database) -> None:
    """Counted in the steps of SQLite's machine and in the pages that are read."""

    def work(rows: int) -> tuple[int, int]:
        # Every text holds two of the words; one in a hundred a rarer one.
        pairs = list(itertools.combinations(WORDS, 2))
        texts = [[*pairs[at % len(pairs)], *(["seldom"] if at % (rows // 20) == 0 else [])] for at in range(rows)]
        fill(database, texts)
        steps: list[int] = []
        connection = database.connection
        connection.trace_v2(
            apsw.SQLITE_TRACE_PROFILE,
            lambda event: steps.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]),
        )
        connection.status(apsw.SQLITE_DBSTATUS_CACHE_HIT, True)
        for terms in (("red",), ("boat",), ("hill",)), (("red",), ("seldom",)), (("dog",),):
            ask(database, terms, bound=100)
        connection.trace_v2(0, None)
        return sum(steps), connection.status(apsw.SQLITE_DBSTATUS_CACHE_HIT)[0]

    small, large = work(2_000), work(16_000)
    assert large[0] < 2 * small[0]
    assert large[1] < 3 * small[1]


def test_a_phrase_that_is_too_dear_is_not_taken_for_missing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fulltext, "PHRASE_WORK", 0)
    texts = [["red", "boat", "house", "dog"] if at % 10 == 0 else ["boat", "red", "dog", "house"] for at in range(400)]
    fill(database, texts)
    postings, candidates = ask(database, [("red", "boat"), ("house", "dog")], bound=50)
    first, second = postings.terms
    assert first.complete
    assert first.count == 40
    assert not second.complete
    assert set(candidates.rowids.tolist()) == {at + 1 for at in range(400) if at % 10 == 0}
    assert (candidates.held == 1).all()  # asked of the rows that the first one found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.sampled_from((*WORDS, "Boats", "don't", "é,", "北京", "…")), max_size=8).map(" ".join),
    words_to_find,
)
def test_marks_are_those_of_fts5(database: Database, text: str, terms: list[tuple[str, ...]]) -> None:
    connection = database.connection
    connection.execute("DROP TABLE IF EXISTS temp.marked")
    connection.execute(
        "CREATE VIRTUAL TABLE temp.marked USING fts5(text, "
        "tokenize='porter simplify casefold true strip true unicodewords')"
    )
    connection.execute("INSERT INTO temp.marked VALUES (?)", (text,))
    expression = " OR ".join(f'"{" ".join(term)}"' for term in terms)
    expected = connection.execute(
        "SELECT highlight(marked, 0, '[', ']') FROM marked WHERE marked MATCH ?", (expression,)
    )
    assert Marker(connection, terms).mark(text, "[", "]") == expected.get


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Store]:
    """Forty documents of two passages; every passage holds "red", every tenth file "boat"."""
    folders = folders_under(tmp_path)
    folders.create()
    store = Store(folders)
    root_id = store.roots.add(b"/r")
    for number in range(40):
        path = f"/r/{'in' if number < 3 else 'out'}/red{number}.txt".encode()
        store.files.add(root_id, [FoundFile(path, Kind.DOCUMENT, FileStamp(1, number, number, number))])
        known = store.files.by_path(path)
        assert known is not None
        texts = ["red boat" if number % 10 == 0 else "red house", "red hill"]
        extraction = Extraction(
            Kind.DOCUMENT, "text/plain", Metadata(), tuple(Passage(text, Locator()) for text in texts)
        )
        digest = number.to_bytes(32, "big")
        store.commit_content(known.id, digest, extraction, extractor_version=1, look_alike=None, models=ModelState())
    store.segments.texts = FullText(store.database, "segments_fts", "bm25(segments_fts)", 10)
    store.files.names = FullText(store.database, "names_fts", "bm25(names_fts, 4.0, 1.0)", 10)
    yield store
    store.close()


def test_common_words_find_the_newest_files_first(library: Store) -> None:
    retriever = LexicalRetriever(library, FileFilter(), 5)
    found = retriever.full_text([Term(("red",))], SegmentKind.PASSAGE, 0).found
    contents = list(dict.fromkeys(one.content_id for one in found))
    assert contents == sorted(contents, reverse=True)
    assert len(contents) == 5
    assert {one.probability for one in found} == {found[0].probability}
    names = retriever.names([Term(("red",)), Term(("39",))], 0).found
    assert library.files.rows([names[0].file_id or 0])[names[0].file_id or 0].path == b"/r/out/red39.txt"


def test_a_telling_word_finds_all_its_files_and_passes_beside_a_common_one(library: Store) -> None:
    retriever = LexicalRetriever(library, FileFilter(), 50)
    found = retriever.full_text([Term(("red",)), Term(("boat",))], SegmentKind.PASSAGE, 0).found
    strong = [one for one in found if one.probability >= 0.5]
    assert len(strong) == 4
    assert strong == list(found[:4])
    assert retriever.full_text([Term(("red",)), Term(("boat",))], SegmentKind.SPEECH, 0).found == ()


def test_filters_hold_for_telling_words_in_a_large_index(library: Store) -> None:
    retriever = LexicalRetriever(library, FileFilter(folder=b"/r/in"), 50)
    (one,) = retriever.full_text([Term(("boat",))], SegmentKind.PASSAGE, 0).found
    assert one.content_id is not None
    (row,) = library.files.rows_of_contents([one.content_id])[one.content_id]
    assert row.path == b"/r/in/red0.txt"


def test_a_folder_of_old_files_is_searched_for_common_words(library: Store) -> None:
    retriever = LexicalRetriever(library, FileFilter(folder=b"/r/in"), 50)
    found = retriever.full_text([Term(("red",)), Term(("house",))], SegmentKind.PASSAGE, 0).found
    rows = library.files.rows_of_contents(sorted({one.content_id or 0 for one in found}))
    assert {files[0].path for files in rows.values()} == {b"/r/in/red1.txt", b"/r/in/red2.txt"}
    names = retriever.names([Term(("red",))], 0).found
    assert [one.file_id for one in names] == [3, 2, 1]


@given(st.integers(1, 30), st.integers(1, 30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_span_bounds_the_candidates(database: Database, one: int, other: int) -> None:
    lowest, highest = sorted((one, other))
    fill(database, [["red", "boat"] if at % 3 else ["red"] for at in range(30)])
    index = FullText(database, "names_fts", "bm25(names_fts, 4.0, 1.0)", 5)
    postings = index.postings([("red",), ("boat",)])
    found = index.candidates(postings, np.ones(2), (lowest, highest)).rowids.tolist()
    both = [number for number in range(highest, lowest - 1, -1) if (number - 1) % 3]
    assert all(lowest <= number <= highest for number in found)
    assert found[: min(5, len(both))] == both[:5]
