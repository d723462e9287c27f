"""What the encoder child keeps loaded while queries are for one model and batches for another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.config import Settings, folders_under
from core.models import encoders
from core.models.catalogue import Form
from core.models.host import EncoderHost
from core.models.installed import InstalledModel
from core.models.messages import Encode, ModelRef, Task, Vectors
from core.models.worker import ModelWorker
from core.types import EmbeddingSpace, Matrix, ModelRole
from tests.core.model_bundles import put_model


class Encoder:
    """A ``TextEncoder`` whose vectors tell which model they are of."""

    def __init__(self, model: InstalledModel) -> None:
        self.space: EmbeddingSpace = model.space

    def encode_passages(self, texts: Sequence[str]) -> Matrix:
        return np.full((len(texts), self.space.dim), len(self.space.model), np.float32)

    encode_queries = encode_passages


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(folders_under(tmp_path / "home"))
    settings.folders.create()
    for name in ("a", "bb", "ccc"):
        put_model(settings, name, Form.SENTENCE_TRANSFORMERS)
    return settings


def test_two_models_of_a_role_stay_loaded_and_a_third_takes_the_place_of_the_one_asked_longest_ago(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def load(model: InstalledModel, prepared: Path | None = None) -> Encoder:
        loaded.append(model.name)
        return Encoder(model)

    monkeypatch.setattr(encoders, "text_encoder", load)
    host = EncoderHost(settings.with_model(ModelRole.TEXT, "a"))
    refs = {ref.manifest.name: ref for ref in host.refs(ModelRole.TEXT)}
    host.close()
    worker = ModelWorker()

    def ask(name: str, ref: ModelRef | None = None) -> None:
        answer = worker.answer(Encode(ref or refs[name], Task.QUERIES, texts=["words"]))
        assert isinstance(answer, Vectors)
        assert answer.matrix()[0, 0] == len(name)

    for _ in range(5):
        ask("a")
        ask("bb")
    assert loaded == ["a", "bb"]
    ask("a")
    ask("ccc")
    ask("a")
    assert loaded == ["a", "bb", "ccc"]
    ask("bb")
    assert loaded == ["a", "bb", "ccc", "bb"]


def test_the_model_in_use_comes_first_and_others_that_are_installed_serve_their_spaces(settings: Settings) -> None:
    settings = settings.with_model(ModelRole.TEXT, "bb")
    host = EncoderHost(settings)
    try:
        assert host.refs(ModelRole.TEXT)[0].manifest.name == "bb"
        assert {"a", "bb", "ccc"} <= {ref.manifest.name for ref in host.refs(ModelRole.TEXT)}
        assert host.refs(ModelRole.PHOTO) == []
        space = next(ref for ref in host.refs(ModelRole.TEXT) if ref.manifest.name == "ccc").resolve().space
        assert host.serves(space)
        for file in (settings.folders.models / "ccc").iterdir():
            file.unlink()
        assert not host.reload(settings), "the one in use is the same"
        assert not host.serves(space)
    finally:
        host.close()
