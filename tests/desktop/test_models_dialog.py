"""What the list of models and the status line say while another model takes in what search holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QLabel, QWidget

from core.types import Filling, ModelInfo, ModelRole, Progress, Stage
from desktop import wording
from desktop.views.dialogs.models import ModelsDialog

pytestmark = pytest.mark.windowed

OLD = ModelInfo(
    "ViT-B-32",
    ModelRole.PHOTO,
    "CLIP ViT-B/32",
    605_000_000,
    "MIT",
    "English",
    512,
    "a hub",
    True,
    False,
    searched=True,
)
FILLING = Filling(ModelRole.PHOTO, "siglip", "ViT-B-32", 1_204, 18_300)
NEW = ModelInfo(
    "siglip", ModelRole.PHOTO, "SigLIP 2", 1_400_000_000, "Apache-2.0", "50+ languages", 768, "a hub", True, True,
    filling=FILLING,
)  # fmt: skip


def texts(widget: QWidget) -> list[str]:
    return [one.text() for one in widget.findChildren(QLabel) if one.isVisibleTo(widget) and one.text()]


@pytest.fixture
def dialog(qtbot) -> ModelsDialog:  # type: ignore[no-untyped-def]
    made = ModelsDialog()
    qtbot.addWidget(made)
    made.show_models([OLD, NEW])
    return made


def test_both_models_say_what_they_do(dialog: ModelsDialog) -> None:
    assert "1,204 of 18,300 files · search stays on ViT-B-32 until it has all" in texts(dialog)
    assert "Search stays on this one until the new model has seen all." in texts(dialog)


def test_the_count_follows_and_goes_when_search_has_moved(dialog: ModelsDialog) -> None:
    dialog.show_fillings([OLD, replace(NEW, filling=replace(FILLING, done=1_300))])
    assert any("1,300 of 18,300" in text for text in texts(dialog))
    dialog.show_fillings([replace(OLD, searched=False), replace(NEW, filling=None, searched=True)])
    assert not any("search stays" in text.lower() for text in texts(dialog))


def test_the_status_line_counts_the_new_models_work_by_itself() -> None:
    progress = Progress(Stage.PHOTO, 5, 9, "a.jpg", 31.0, 480.0, 0, filling={ModelRole.PHOTO: FILLING})
    said = wording.progress(progress)
    assert said == "Looking at photos with the new model: 1,204 of 18,300 · 31/s · 8 min left"
    assert "new model" not in wording.progress(replace(progress, stage=Stage.CONTENT))


def test_choosing_a_model_says_when_search_moves() -> None:
    assert wording.used("siglip", None) == "siglip is in use"
    assert wording.used("siglip", FILLING) == "Search moves to siglip once it has seen 17,096 files"
    heard = replace(FILLING, role=ModelRole.SPEECH)
    assert wording.used("whisper", heard) == "whisper hears 17,096 recordings again"
