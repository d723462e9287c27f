"""Fetching models: the hub's real client against a server on the loopback that speaks the hub's protocol."""

from __future__ import annotations

import hashlib
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub.constants import DOWNLOAD_CHUNK_SIZE

from core.cancel import CancelToken
from core.config import Settings
from core.errors import Cancelled, ExitCode, FetchError, ModelError, NoRoomError, UsageError
from core.models.catalogue import Catalogue, CatalogueEntry, shipped_catalogue
from core.models.download import WHISPER_ENDPOINT_VARIABLE, download
from core.models.host import EncoderHost, SpeechHost
from core.models.installed import WORK_FOLDER
from core.models.library import fetch_model, list_models
from tests.core.hub_server import Hub, running_hub
from tests.core.model_bundles import (
    CLIP_DIM,
    TEXT_DIM,
    make_clip,
    make_multilingual_clip,
    make_sentence_transformer,
    make_whisper,
)
from tests.limits import limited

pytestmark = pytest.mark.network_door

CHUNK = DOWNLOAD_CHUNK_SIZE
CUT = CHUNK + CHUNK // 5


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    make_clip(folder / "clip")
    (folder / "clip" / "open_clip_pytorch_model.bin").write_bytes(b"the other form of the same weights" * 10_000)
    (folder / "clip" / "README.md").write_text("a model card", "utf-8")
    make_sentence_transformer(folder / "text")
    make_whisper(folder / "whisper.pt")
    whole = make_multilingual_clip(folder / "whole")
    clip, text = folder / "multilingual", folder / "xlm-roberta"
    clip.mkdir()
    text.mkdir()
    for file in whole.iterdir():
        file.rename((clip if file.name.startswith("open_clip") else text) / file.name)
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv(WHISPER_ENDPOINT_VARIABLE, hub.url)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # as every other process of the product has it
        monkeypatch.setenv("HF_TOKEN", "hf_a_secret_that_must_stay_here")
        yield hub


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def clip_entry(hub: Hub, bundles: Path) -> CatalogueEntry:
    entry = replace(shipped_catalogue().get("ViT-B-32"), dim=CLIP_DIM)
    assert entry.repo is not None
    hub.repos[entry.repo] = bundles / "clip"
    return entry


def whisper_entry(hub: Hub, bundles: Path) -> CatalogueEntry:
    sha256 = hashlib.sha256((bundles / "whisper.pt").read_bytes()).hexdigest()
    hub.plain[f"/main/whisper/models/{sha256}/base.pt"] = bundles / "whisper.pt"
    url = f"https://openaipublic.azureedge.net/main/whisper/models/{sha256}/base.pt"
    return replace(shipped_catalogue().get("whisper-base"), url=url, sha256=sha256)


def large_entry(hub: Hub, folder: Path) -> CatalogueEntry:
    """A "checkpoint" of two and a half of the pieces in which the client writes to the disk."""
    (folder / "large.pt").write_bytes(np.random.default_rng(5).bytes(5 * CHUNK // 2))
    sha256 = hashlib.sha256((folder / "large.pt").read_bytes()).hexdigest()
    hub.plain[f"/{sha256}/base.pt"] = folder / "large.pt"
    return replace(shipped_catalogue().get("whisper-base"), url=f"{hub.url}/{sha256}/base.pt", sha256=sha256)


def only(*entries: CatalogueEntry) -> Catalogue:
    return Catalogue(entries)


@pytest.mark.slow
def test_a_photo_model_is_fetched_and_encodes(settings: Settings, hub: Hub, bundles: Path) -> None:
    catalogue = only(clip_entry(hub, bundles))
    progress: list[tuple[int, int]] = []
    info = fetch_model(settings, "ViT-B-32", lambda done, total: progress.append((done, total)), catalogue=catalogue)
    assert (info.installed, info.active, info.dim) == (True, True, CLIP_DIM)

    folder = settings.folders.models / "ViT-B-32"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["findling-model.toml", "open_clip_config.json", "open_clip_model.safetensors"]
    size = sum((bundles / "clip" / name).stat().st_size for name in names[1:])
    assert progress[-1] == (size, size)
    assert [done for done, _ in progress] == sorted(done for done, _ in progress)
    assert "huggingface.co/laion" in info.source

    host = EncoderHost(settings, catalogue=catalogue)
    try:
        assert host.encode_photo_texts(["a dog"]).shape == (1, CLIP_DIM)
    finally:
        host.close()

    asked = len(hub.requests)
    assert fetch_model(settings, "ViT-B-32", catalogue=catalogue) == info
    assert len(hub.requests) == asked, "what is there and whole is not fetched again"


@pytest.mark.slow
def test_a_multilingual_photo_model_gets_its_tokenizer_from_a_second_repository(
    settings: Settings, hub: Hub, bundles: Path
) -> None:
    entry = replace(shipped_catalogue().get("xlm-roberta-base-ViT-B-32"), dim=CLIP_DIM)
    assert entry.repo is not None
    assert entry.text_repo is not None
    hub.repos |= {entry.repo: bundles / "multilingual", entry.text_repo: bundles / "xlm-roberta"}
    fetch_model(settings, entry.name, catalogue=only(entry))
    host = EncoderHost(settings, catalogue=only(entry))
    try:
        vectors = host.encode_photo_texts(["a dog", "ein Hund"])
        assert not np.allclose(vectors[0], vectors[1], atol=1e-4)
    finally:
        host.close()


@pytest.mark.slow
def test_a_text_model_is_fetched_and_encodes(settings: Settings, hub: Hub, bundles: Path) -> None:
    entry = replace(shipped_catalogue().get("multilingual-e5-small"), dim=TEXT_DIM)
    assert entry.repo is not None
    hub.repos[entry.repo] = bundles / "text"
    fetch_model(settings, entry.name, catalogue=only(entry))
    host = EncoderHost(settings, catalogue=only(entry))
    try:
        query, passage = host.encode_queries(["boats"]), host.encode_passages(["boats"])
        assert query.shape == passage.shape == (1, TEXT_DIM)
        assert not np.allclose(query, passage, atol=1e-4), "the two have prefixes of their own"
    finally:
        host.close()


def test_a_whisper_checkpoint_is_fetched(settings: Settings, hub: Hub, bundles: Path) -> None:
    entry = whisper_entry(hub, bundles)
    info = fetch_model(settings, "whisper-base", catalogue=only(entry))
    assert (info.installed, info.active, info.dim) == (True, True, None)
    assert SpeechHost(settings, catalogue=only(entry)).model() == f"whisper-base@{entry.sha256}"


def test_no_token_and_no_account_leave_this_computer(hub: Hub, bundles: Path, work: Path) -> None:
    download(clip_entry(hub, bundles), work)
    assert len(hub.headers) >= 3
    assert not any("authorization" in headers for headers in hub.headers)
    assert not any("secret" in value for headers in hub.headers for value in headers.values())


def test_the_pickled_form_is_taken_only_where_there_is_no_other(hub: Hub, bundles: Path, work: Path) -> None:
    entry = clip_entry(hub, bundles)
    assert download(entry, work) == "open_clip_model.safetensors"
    old = bundles / "old-clip"
    old.mkdir()
    for name in ("open_clip_config.json", "open_clip_pytorch_model.bin"):
        (old / name).write_bytes((bundles / "clip" / name).read_bytes())
    hub.repos[entry.repo or ""] = old
    assert download(entry, work) == "open_clip_pytorch_model.bin"
    assert sorted(path.name for path in work.iterdir()) == ["open_clip_config.json", "open_clip_pytorch_model.bin"]


def test_a_cut_transfer_goes_on_by_itself(hub: Hub, tmp_path: Path, work: Path) -> None:
    entry = large_entry(hub, tmp_path)
    hub.cut_after, hub.cuts_left = CUT, 2
    download(entry, work)
    assert (work / "base.pt").read_bytes() == (tmp_path / "large.pt").read_bytes()
    assert hub.ranges() == [f"bytes={CHUNK}-", f"bytes={2 * CHUNK}-"]


def test_the_next_try_goes_on_where_the_last_process_was_stopped(hub: Hub, tmp_path: Path, work: Path) -> None:
    entry = large_entry(hub, tmp_path)
    cancel = CancelToken()
    hub.cut_after, hub.cuts_left = CUT, 100

    with pytest.raises(Cancelled):
        download(entry, work, lambda done, total: cancel.cancel(), cancel)
    part = next(work.glob("base.pt.*.part"))
    have = part.stat().st_size
    assert have >= CHUNK
    assert not (work / "base.pt").exists(), "a cut file has no name of its own"

    hub.cuts_left = 0
    hub.requests.clear()
    first: list[int] = []
    download(entry, work, lambda done, total: first.append(done))
    assert hub.ranges()[0] == f"bytes={have}-"
    assert (work / "base.pt").read_bytes() == (tmp_path / "large.pt").read_bytes()
    assert first[0] > have


def test_a_transfer_that_keeps_breaking_off_ends_in_one_line(hub: Hub, tmp_path: Path, work: Path) -> None:
    entry = large_entry(hub, tmp_path)
    hub.cut_after, hub.cuts_left = 0, 100
    with pytest.raises(FetchError, match=r"broke off .*kept for the next try$") as caught:
        download(entry, work)
    assert "\n" not in str(caught.value)


def test_a_file_with_another_digest_is_refused_and_forgotten(settings: Settings, hub: Hub, bundles: Path) -> None:
    entry = whisper_entry(hub, bundles)
    hub.spoil = True
    with pytest.raises(FetchError, match="digest differs"):
        fetch_model(settings, "whisper-base", catalogue=only(entry))
    assert {path.name for path in settings.folders.models.iterdir()} <= {WORK_FOLDER}
    left = [path.name for path in (settings.folders.models / WORK_FOLDER).rglob("*") if path.is_file()]
    assert left in ([], ["whisper-base.lock"])
    assert not any(info.installed for info in list_models(settings, only(entry)))

    hub.spoil = False
    assert fetch_model(settings, "whisper-base", catalogue=only(entry)).installed


def test_a_part_that_is_too_long_is_started_over(hub: Hub, bundles: Path, work: Path) -> None:
    entry = whisper_entry(hub, bundles)
    assert entry.sha256 is not None
    (work / f"base.pt.{entry.sha256[:16]}.part").write_bytes(b"x" * 5_000_000)
    with pytest.raises(FetchError, match="status 416"):
        download(entry, work)
    assert download(entry, work) == "base.pt"


@pytest.mark.slow
def test_a_damaged_model_is_fetched_again(settings: Settings, hub: Hub, bundles: Path) -> None:
    entry = whisper_entry(hub, bundles)
    fetch_model(settings, "whisper-base", catalogue=only(entry))
    weights = settings.folders.models / "whisper-base" / "base.pt"
    weights.write_bytes(weights.read_bytes()[:1000])
    fetch_model(settings, "whisper-base", catalogue=only(entry))
    assert weights.read_bytes() == (bundles / "whisper.pt").read_bytes()


@pytest.mark.slow
def test_what_comes_must_be_the_model_that_was_offered(settings: Settings, hub: Hub, bundles: Path) -> None:
    entry = replace(clip_entry(hub, bundles), dim=512)
    with pytest.raises(ModelError, match="vectors of 512 numbers, and these give 16"):
        fetch_model(settings, "ViT-B-32", catalogue=only(entry))
    assert not any(info.installed for info in list_models(settings, only(entry)))


def test_offline_ends_in_one_clear_line(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(FetchError, match=r"127\.0\.0\.1:\d+ cannot be reached .*online\?$") as caught:
            fetch_model(settings, "ViT-B-32")
    assert caught.value.exit_code is ExitCode.MODEL_MISSING == 4
    assert "\n" not in str(caught.value)


def test_what_the_hub_no_longer_has_is_said_in_one_line(settings: Settings, hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="answered with status 401"):
        fetch_model(settings, "ViT-B-32")
    hub.repos["laion/CLIP-ViT-B-32-laion2B-s34B-b79K"] = tmp_path
    with pytest.raises(FetchError, match=r"no longer holds open_clip_config\.json"):
        fetch_model(settings, "ViT-B-32")


def test_a_full_disk_is_noticed_before_the_transfer(
    settings: Settings, hub: Hub, bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listing claims a size that no disk has; nothing is transferred."""
    entry = replace(clip_entry(hub, bundles), repo=None, url=f"{hub.url}/x", sha256="0" * 64, size_bytes=10**18)
    with pytest.raises(NoRoomError, match=r'fetching "ViT-B-32" needs 1000000000\.0 GB, and only .* are free'):
        fetch_model(settings, "ViT-B-32", catalogue=only(entry))
    assert hub.requests == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_what_came_before_the_disk_was_full_is_gone_on_with(hub: Hub, tmp_path: Path, work: Path) -> None:
    entry = large_entry(hub, tmp_path)
    with limited(CUT), pytest.raises(NoRoomError, match="what came is kept for the next try: a limit on the size"):
        download(entry, work)
    assert not (work / "base.pt").exists(), "a cut file has no name of its own"
    hub.requests.clear()
    download(entry, work)
    assert hub.ranges() == [f"bytes={CUT}-"]
    assert (work / "base.pt").read_bytes() == (tmp_path / "large.pt").read_bytes()


def test_unknown_and_packaged_names(settings: Settings, hub: Hub) -> None:
    with pytest.raises(UsageError, match="no model is called"):
        fetch_model(settings, "ViT-Z")
    assert fetch_model(settings, "all-MiniLM-L6-v2").installed
    assert hub.requests == []
