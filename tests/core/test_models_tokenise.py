"""Token ids and pixels without torch, against the libraries' own."""

from __future__ import annotations

import html
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import UnreadableError
from core.models.pictures import pixels_of
from core.models.reference import clip_tokeniser, sample_jpegs
from core.models.specs import PictureSpec
from core.models.tokenise import Tokeniser
from core.models.trials import CHECK_TEXTS
from tests.core.model_bundles import make_multilingual_clip

CONTEXT = 77

pieces = st.one_of(
    st.text(max_size=20),
    st.sampled_from(CHECK_TEXTS),
    st.sampled_from(
        ["<start_of_text>", "<END_OF_TEXT>", "&amp;", "&#x41;", "'s", "'LL", "ſ", "İ", "ß", "ﬁ", "Ã¼", "\u0301"]
    ),
    st.text(st.characters(categories=["P", "S", "N", "Z"]), max_size=10),
    st.text(max_size=10).map(html.escape),
)
texts = st.lists(pieces, max_size=12).map(" ".join) | st.lists(pieces, max_size=6).map("".join)


@pytest.fixture(scope="module", params=["lower", "whitespace", "canonicalize"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, Tokeniser]:
    from open_clip.tokenizer import SimpleTokenizer

    own = SimpleTokenizer(context_length=CONTEXT, clean=request.param)
    folder = tmp_path_factory.mktemp("tokenizer")
    spec = clip_tokeniser(own, folder)
    assert spec is not None
    return own, Tokeniser(spec, folder / "tokenizer.json")


@settings(max_examples=300, deadline=None)
@given(text=texts)
@example(text="boats " * 200)
@example(text="!!<start_of_text>!!")
@example(text="don't &lt;b&gt; caf\u00c3\u00a9")
def test_clip_words_are_cut_as_open_clip_cuts_them(both: tuple[object, Tokeniser], text: str) -> None:
    own, ours = both
    clean = text.encode("utf-8", "replace").decode("utf-8")
    ids, mask = ours.pad(ours.rows([text]))
    assert ids.tolist() == own([clean]).tolist()  # type: ignore[operator]
    assert mask.sum() == min(CONTEXT, len(ours.rows([text])[0]))


def test_a_tokenizer_of_an_unknown_kind_is_left_alone(tmp_path: Path) -> None:
    from open_clip.tokenizer import SimpleTokenizer

    own = SimpleTokenizer(context_length=CONTEXT, reduction_mask="random")
    assert clip_tokeniser(own, tmp_path) is None


@pytest.mark.parametrize(("clean", "strip_sep_token"), [("whitespace", False), ("canonicalize", True)])
def test_tokenizers_of_transformers_are_taken_over(clean: str, strip_sep_token: bool, tmp_path: Path) -> None:
    from open_clip.tokenizer import HFTokenizer

    folder = make_multilingual_clip(tmp_path / "model")
    own = HFTokenizer(str(folder), context_length=12, clean=clean, strip_sep_token=strip_sep_token, sep_token="</s>")
    spec = clip_tokeniser(own, tmp_path)
    assert spec is not None
    ours = Tokeniser(spec, tmp_path / "tokenizer.json")
    texts = ["a dog", "ein Hund_Hund", "", "dog </s> dog", "a " * 40, *CHECK_TEXTS]
    ids, mask = ours.pad(ours.rows(texts))
    assert ids.tolist() == own(texts).tolist()
    assert mask[0].sum() == 2


@pytest.mark.parametrize("resize_mode", ["shortest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_pixels_are_those_of_open_clip(resize_mode: str, interpolation: str) -> None:
    from open_clip.transform import PreprocessCfg, image_transform_v2

    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    spec = PictureSpec(224, mean, std, interpolation, resize_mode)
    own = image_transform_v2(
        PreprocessCfg(size=224, mean=mean, std=std, interpolation=interpolation, resize_mode=resize_mode),
        is_train=False,
    )
    jpegs = [*sample_jpegs(), _jpeg(Image.new("L", (300, 200), 90)), _jpeg(Image.new("RGB", (224, 500), "red"))]
    for jpeg, ours in zip(jpegs, pixels_of(jpegs, spec), strict=True):
        with Image.open(io.BytesIO(jpeg)) as picture:
            assert np.allclose(ours, own(picture.convert("RGB")).numpy(), atol=1e-6)


def test_the_preview_that_is_no_picture_is_named() -> None:
    spec = PictureSpec(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "bicubic", "shortest")
    with pytest.raises(UnreadableError, match="preview 2"):
        pixels_of([sample_jpegs()[0], b"no picture"], spec)


def _jpeg(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG")
    return stream.getvalue()
