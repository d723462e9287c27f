"""A converted checkpoint hears what the original hears, writes the same tokens, and never asks the network."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ModelError
from core.models.base import SAMPLE_RATE_HZ
from core.models.fast_speech import FastTranscriber
from core.models.whisper_conversion import (
    Arithmetic,
    Dimensions,
    convert_whisper,
    fast_tokenizer,
    openai_tokenizer,
    read_dimensions,
)
from tests.core.whisper_shapes import make_whisper_of

pytest.importorskip("faster_whisper")

CHECKPOINTS = [
    ("smallest", "multilingual"),
    ("smallest", "english"),
    ("deeper", "multilingual"),
    ("turbo-like", "with Cantonese"),
]
TOKENS = 12


def dimensions(vocabulary: int) -> Dimensions:
    return Dimensions(80, 1500, 16, 2, 1, vocabulary, 448, 16, 2, 1)


def noise(length_s: float, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.05, round(length_s * SAMPLE_RATE_HZ)).astype(np.float32)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="module", params=CHECKPOINTS, ids=" ".join)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """The original, loaded, and the folder of its float32 form."""
    import whisper

    shape, vocabulary = request.param
    folder = tmp_path_factory.mktemp("converted")
    checkpoint = make_whisper_of(folder / "model.pt", shape, vocabulary=vocabulary, tokens=TOKENS)
    (folder / "float32").mkdir()
    convert_whisper(checkpoint, folder / "float32", Arithmetic.FLOAT32)
    return whisper.load_model(str(checkpoint), device="cpu").eval(), folder / "float32"


@pytest.mark.usefixtures("offline")
def test_the_encoder_gives_the_same_numbers(pair: tuple[Any, Path]) -> None:
    import ctranslate2
    import torch
    import whisper

    original, folder = pair
    mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(noise(9)), original.dims.n_mels)
    with torch.inference_mode():
        wanted = original.encoder(mel[None]).numpy()
    converted = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="float32", intra_threads=1)
    found = np.array(converted.encode(ctranslate2.StorageView.from_array(mel[None].numpy())))
    assert converted.is_multilingual == original.is_multilingual
    assert converted.n_mels == original.dims.n_mels
    assert np.abs(found - wanted).max() < 1e-3 * np.abs(wanted).max()


@pytest.mark.usefixtures("offline")
def test_greedy_decoding_writes_the_same_text(pair: tuple[Any, Path]) -> None:
    import whisper

    original, folder = pair
    fast = FastTranscriber("model", folder, Arithmetic.FLOAT32, threads=1, temperatures=[0.0])
    language = "de" if original.is_multilingual else "en"
    for seed in range(2):
        samples = noise(4 + seed, seed)
        wanted = whisper.transcribe(
            original, samples, language=language, temperature=0.0, condition_on_previous_text=False, fp16=False
        )
        found = fast.hear(samples, language)
        assert [segment.text for segment in found] == [segment["text"] for segment in wanted["segments"]]
        assert [segment.start_s for segment in found] == pytest.approx(
            [segment["start"] for segment in wanted["segments"]]
        )
        assert [segment.end_s for segment in found] == pytest.approx([segment["end"] for segment in wanted["segments"]])
        assert len(wanted["segments"][0]["tokens"]) == TOKENS, "the text goes on to the limit"


@pytest.mark.usefixtures("offline")
def test_languages_are_as_probable_as_before(pair: tuple[Any, Path]) -> None:
    import torch
    import whisper

    original, folder = pair
    fast = FastTranscriber("model", folder, Arithmetic.FLOAT32, threads=1)
    if not original.is_multilingual:
        assert fast.languages == ["en"]
        return
    samples = noise(5)
    mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(samples), original.dims.n_mels)
    with torch.inference_mode():
        _, wanted = whisper.detect_language(original, mel)
    assert fast.language_probabilities(samples) == pytest.approx(wanted, abs=1e-4)
    assert set(wanted) <= set(fast.languages)


@pytest.mark.usefixtures("offline")
def test_int8_halves_the_file_and_stays_near(pair: tuple[Any, Path], tmp_path: Path) -> None:
    import ctranslate2

    _, folder = pair
    convert_whisper(folder.parent / "model.pt", tmp_path, Arithmetic.INT8)
    assert (tmp_path / "model.bin").stat().st_size < 0.7 * (folder / "model.bin").stat().st_size
    mel = np.random.default_rng(1).normal(0, 1, (1, read_dimensions(folder).n_mels, 3000)).astype(np.float32)
    outputs = [
        np.array(
            ctranslate2.models.Whisper(str(where), device="cpu", compute_type=kind, intra_threads=1).encode(
                ctranslate2.StorageView.from_array(mel)
            )
        )
        for where, kind in ((folder, "float32"), (tmp_path, "int8"))
    ]
    cosine = np.sum(outputs[0] * outputs[1]) / np.prod([np.linalg.norm(output) for output in outputs])
    assert 0.97 < cosine < 1.0


@pytest.mark.parametrize("size", [51864, 51865, 51866])
def test_every_token_has_its_place(size: int) -> None:
    original = openai_tokenizer(dimensions(size))
    written = fast_tokenizer(original)
    assert written.get_vocab_size() == size
    for token, place in original.special_tokens.items():
        assert written.token_to_id(token) == place


TOKENIZERS = {
    size: (openai_tokenizer(dimensions(size)), fast_tokenizer(openai_tokenizer(dimensions(size))))
    for size in (51864, 51865)
}


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(sorted(TOKENIZERS)),
    st.one_of(
        st.text(), st.text("aeiou nrst'.,! \n0123", min_size=20), st.text("的一是中文 日本語ありがと", max_size=40)
    ),
)
def test_texts_become_the_same_tokens_and_back(size: int, text: str) -> None:
    original, written = TOKENIZERS[size]
    clean = text.encode("utf-8", "replace").decode("utf-8")
    tokens = original.encode(clean, disallowed_special=())
    assert written.decode(tokens) == clean
    if "<|" not in clean:
        assert written.encode(clean, add_special_tokens=False).ids == tokens


def test_what_is_no_whisper_model_is_named(tmp_path: Path) -> None:
    import torch

    wrong = tmp_path / "wrong.pt"
    wrong.write_bytes(b"not a checkpoint")
    with pytest.raises(ModelError, match=r"wrong\.pt"):
        convert_whisper(wrong, tmp_path, Arithmetic.INT8)
    dims = dict.fromkeys(Dimensions.__struct_fields__, 1)
    for changed, told in (({}, "30 s"), ({"n_audio_ctx": 1500}, "vocabulary")):
        torch.save({"dims": dims | changed, "model_state_dict": {}}, wrong)
        with pytest.raises(ModelError, match=told):
            convert_whisper(wrong, tmp_path, Arithmetic.INT8)
    torch.save({"dims": dims | {"n_audio_ctx": 1500, "n_vocab": 51865}, "model_state_dict": {}}, wrong)
    with pytest.raises(ModelError, match="tensors"):
        convert_whisper(wrong, tmp_path, Arithmetic.INT8)


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    import pickle

    class Harmful:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return Path.touch, (tmp_path / "ran",)  # type: ignore[return-value]

    (tmp_path / "harmful.pt").write_bytes(pickle.dumps({"dims": Harmful(), "model_state_dict": {}}))
    with pytest.raises(ModelError):
        convert_whisper(tmp_path / "harmful.pt", tmp_path, Arithmetic.INT8)
    assert not (tmp_path / "ran").exists()


def test_a_folder_that_is_cut_is_told(pair: tuple[Any, Path], tmp_path: Path) -> None:
    _, folder = pair
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    model = tmp_path / "model.bin"
    model.write_bytes(model.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        FastTranscriber("model", tmp_path, Arithmetic.FLOAT32, threads=1)
