"""The remembering tokeniser against APSW's own."""

from __future__ import annotations

import apsw
import apsw.fts5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.store import tokenise

# Words that combine, letters that do not, blanks of several kinds, marks, joiners, emoji and flags.
_CHARACTERS = "ab1_ .'\"\t\n:;,-éßöЖё中文かカー한א״ﬁⅢ٠®‼〰👍🏽👩🇬🇧" + (
    "\u0308\u0301\u200d\u302a\u3099\u00ad\u200b\u2028\u00a0\u3000\ufeff"
)


@pytest.fixture(scope="module")
def both() -> tuple[apsw.FTS5Tokenizer, apsw.FTS5Tokenizer]:
    plain = apsw.Connection(":memory:")
    plain.register_fts5_tokenizer("simplify", apsw.fts5.SimplifyTokenizer)
    plain.register_fts5_tokenizer("unicodewords", apsw.fts5.UnicodeWordsTokenizer)  # type: ignore[arg-type]
    remembering = apsw.Connection(":memory:")
    tokenise.register(remembering)
    name, *arguments = tokenise.TOKENISER
    return plain.fts5_tokenizer(name, arguments), remembering.fts5_tokenizer(name, arguments)


def same(both: tuple[apsw.FTS5Tokenizer, apsw.FTS5Tokenizer], text: str) -> None:
    plain, remembering = (tokeniser(text.encode(), apsw.FTS5_TOKENIZE_DOCUMENT, None) for tokeniser in both)
    assert remembering == plain


@given(st.lists(st.text(alphabet=_CHARACTERS, max_size=6), max_size=6).map(" ".join))
def test_what_is_indexed_is_the_same(both: tuple[apsw.FTS5Tokenizer, apsw.FTS5Tokenizer], text: str) -> None:
    same(both, text)
    same(both, text)  # and again when every stretch of it has been seen


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=12))
def test_ascii(both: tuple[apsw.FTS5Tokenizer, apsw.FTS5Tokenizer], text: str) -> None:
    same(both, text)


@given(st.text(alphabet="aB1_.':,;-", max_size=10))
def test_what_joins_letters_and_digits(both: tuple[apsw.FTS5Tokenizer, apsw.FTS5Tokenizer], text: str) -> None:
    same(both, text)


@given(st.text(max_size=40))
def test_any_text_at_all(both: tuple[apsw.FTS5Tokenizer, apsw.FTS5Tokenizer], text: str) -> None:
    same(both, text.encode("utf-8", "replace").decode())


def test_its_memory_is_bounded(both: tuple[apsw.FTS5Tokenizer, apsw.FTS5Tokenizer]) -> None:
    text = " ".join(f"word{number}" for number in range(50_000))
    same(both, text)
    assert tokenise.remembered() <= 20_000
