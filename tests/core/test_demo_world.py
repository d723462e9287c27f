"""The illustrated demo world: its words, drawings, captions, library and the CLIP trained on it."""

from __future__ import annotations

import random
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.demo import make_library
from tests.demo.canvas import STYLES
from tests.demo.captions import CONTEXT_TOKENS, caption_en, caption_zh
from tests.demo.drawings import DRAWINGS
from tests.demo.texts import DOCUMENTS
from tests.demo.vocabulary import COLOURS, COUNTS, PLACES, THINGS, TIMES, WEATHERS
from tests.demo.world import Scene, draw, is_held_out, sample_scenes
from tests.demo.writers import WRITERS, write

DEMO = Path(__file__).parents[2] / "resources" / "demo"
BUNDLE = DEMO / "models" / "demo-clip"

scenes = st.builds(
    Scene,
    st.sampled_from(THINGS),
    st.sampled_from(COLOURS),
    st.sampled_from(COUNTS),
    st.sampled_from(PLACES),
    st.sampled_from(WEATHERS),
    st.sampled_from(TIMES),
    st.sampled_from(STYLES),
    st.integers(0, 2**32 - 1),
)


def test_the_world_has_enough_things_and_each_can_be_drawn() -> None:
    assert len(THINGS) >= 30
    assert set(DRAWINGS) == {thing.en for thing in THINGS}
    for words in (THINGS, COLOURS, PLACES, WEATHERS, TIMES):
        assert len({word.en for word in words}) == len({word.zh for word in words}) == len(words)


@settings(max_examples=20, deadline=None)
@given(scenes)
def test_a_scene_is_always_drawn_the_same(scene: Scene) -> None:
    assert np.array_equal(np.asarray(draw(scene, 64)), np.asarray(draw(scene, 64)))


@settings(max_examples=10, deadline=None)
@given(scenes)
def test_another_seed_is_another_drawing(scene: Scene) -> None:
    other = replace(scene, seed=scene.seed ^ 1)
    assert not np.array_equal(np.asarray(draw(scene, 64)), np.asarray(draw(other, 64)))


def test_pictures_come_in_the_size_asked_for() -> None:
    scene = sample_scenes(1, 3, held_out=True)[0]
    assert draw(scene, 80).size == (80, 80)
    assert draw(scene, (120, 80)).size == (120, 80)


@settings(max_examples=200, deadline=None)
@given(scenes, scenes, st.integers(0, 2**32 - 1), st.booleans())
def test_a_caption_knows_what_it_is_true_of(scene: Scene, other: Scene, seed: int, full: bool) -> None:
    for say in (caption_en, caption_zh):
        caption = say(scene, random.Random(seed), full=full)
        assert caption.describes(scene)
        if full:
            assert caption.describes(other) == (other.attributes() == scene.attributes())


def test_full_captions_tell_scenes_apart() -> None:
    held_out = sample_scenes(300, 4, held_out=True)
    for say in (caption_en, caption_zh):
        rng = random.Random(4)
        assert len({say(scene, rng, full=True).text for scene in held_out}) == 300


@pytest.mark.slow
def test_captions_fit_the_text_encoder() -> None:
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer, rng = SimpleTokenizer(), random.Random(5)
    for scene in sample_scenes(300, 5, held_out=False):
        for say in (caption_en, caption_zh):
            assert len(tokenizer.encode(say(scene, rng, full=True).text)) + 2 <= CONTEXT_TOKENS


def test_held_out_scenes_are_never_trained_on() -> None:
    trained = {scene.attributes() for scene in sample_scenes(24_000, 1, held_out=False)}
    held_out = {scene.attributes() for scene in sample_scenes(300, 2, held_out=True)}
    assert not trained & held_out


def test_the_library_shows_nothing_twice_and_nothing_trained_on() -> None:
    chosen = [scene for _, scene in make_library.choose_scenes(random.Random(make_library.SEED))]
    assert len(chosen) >= 150
    assert len({(scene.thing, scene.colour) for scene in chosen}) == len(chosen)
    assert all(
        is_held_out(scene.thing, scene.colour, scene.count, scene.place, scene.weather, scene.time) for scene in chosen
    )


def test_documents_come_in_every_format_and_are_written_the_same_every_time(tmp_path: Path) -> None:
    assert len(DOCUMENTS) >= 30
    assert {Path(document.path).suffix for document in DOCUMENTS} == set(WRITERS)
    for document in DOCUMENTS:
        first, second = write(document, tmp_path / "a"), write(document, tmp_path / "b")
        assert first.read_bytes() == second.read_bytes(), document.path
        if zipfile.is_zipfile(first):
            with zipfile.ZipFile(first) as archive:
                assert archive.testzip() is None


def test_the_shipped_library_is_whole_and_small() -> None:
    library = DEMO / "library"
    files = [path for path in library.rglob("*") if path.is_file()]
    pictures = [path for path in files if path.is_relative_to(library / "Pictures")]
    assert len(pictures) >= 150
    assert sum(path.stat().st_size for path in files) < 8_000_000
    for document in DOCUMENTS:
        assert (library / document.path).is_file()
    for path in pictures:
        with Image.open(path) as picture:
            picture.load()
            assert max(picture.size) <= 640


def test_the_tour_asks_for_files_that_exist() -> None:
    tour = tomllib.loads((DEMO / "tour.toml").read_text(encoding="utf-8"))["query"]
    assert len(tour) >= 12
    for query in tour:
        assert query.get("text") or query.get("like"), query
        assert bool(query.get("expect")) != bool(query.get("expect_nothing")), query
        for path in query.get("like", ()):
            assert (DEMO / "library" / path).is_file() or (DEMO / path).is_file(), path
        for path in query.get("expect", ()):
            assert (DEMO / "library" / path).is_file(), path


@pytest.mark.slow
def test_the_shipped_clip_finds_held_out_drawings() -> None:
    """On 240 drawings of combinations that it was never shown, through open_clip's own loading."""
    from tests.demo.evaluate_clip import evaluate

    assert (BUNDLE / "open_clip_model.safetensors").stat().st_size < 12_000_000
    reached = evaluate(BUNDLE, 240)
    assert reached["en_r1"] >= 0.7
    assert reached["en_r5"] >= 0.95
    assert reached["zh_r5"] >= 0.85
    assert reached["picture_r1"] >= 0.7
    assert reached["picture_r5"] >= 0.95
