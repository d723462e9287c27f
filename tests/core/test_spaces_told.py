"""What the command line says of a model that has not seen all yet."""

from __future__ import annotations

from pathlib import Path

from core.cli import shapes, wording
from core.types import Filling, ModelInfo, ModelRole, Query, Stage, Status
from tests.core.library import make_library, open_engine
from tests.fakes import FakeEncoders

PHOTOS = Filling(ModelRole.PHOTO, "siglip", "ViT-B-32", 1_204, 18_300)
SPEECH = Filling(ModelRole.SPEECH, "whisper-small", "whisper-base", 0, 1)


def test_the_status_of_an_index_that_another_model_fills(tmp_path: Path) -> None:
    encoders = FakeEncoders()
    engine = open_engine(tmp_path / "home", encoders)
    try:
        engine.add_root(make_library(tmp_path / "library"))
        engine.index()
        assert engine.status().filling == {}
        encoders.photo_model = "better-photo"
        filling = Filling(ModelRole.PHOTO, "better-photo", "fake-photo", 0, 5)
        assert engine.status().filling == {ModelRole.PHOTO: filling}
        assert shapes.status_shape(engine.status())["filling"] == {
            "photo": {"model": "better-photo", "searched": "fake-photo", "done": 0, "total": 5}
        }
        assert engine.search(Query("red")).hits[0].name in ("IMG_0412.jpg", "again.jpg")
        assert engine.index().encoded == 5
        assert engine.status().filling == {}
    finally:
        engine.close()


def test_lines_for_a_person() -> None:
    status = Status(
        1, 18_301, {}, 5, 5, 17_096, {}, 0, 0, 1_000, None, filling={one.role: one for one in (PHOTOS, SPEECH)}
    )
    lines = wording.status_lines(status)
    assert "new photo model: 1,204 of 18,300 files; search stays on ViT-B-32 until it has all" in lines
    assert "new speech model: 0 of 1 file; each recording keeps the words it has until it is heard again" in lines
    assert wording.used_line("siglip", PHOTOS) == (
        "siglip is in use from now on: search stays on ViT-B-32 until all 17,096 files are done"
    )
    assert "it hears 1 file again" in wording.used_line("whisper-small", SPEECH)
    assert wording.used_line("siglip", None) == "siglip is in use from now on"


def test_the_list_of_models_says_which_is_searched_and_which_is_filling() -> None:
    def line(**state: object) -> str:
        return wording.model_line(ModelInfo("m", ModelRole.PHOTO, "M", 1, "MIT", "any", 8, "a hub", True, **state))  # type: ignore[arg-type]

    assert " in use for search " in line(active=False, searched=True)
    assert " in use " in line(active=True, filling=PHOTOS)
    assert line(active=True, filling=PHOTOS).endswith("filling (1,204 of 18,300 files)")
    assert "filling" not in line(active=True, searched=True)
    assert Stage.PHOTO.name == PHOTOS.role.name, "progress finds a stage's model by its name"
