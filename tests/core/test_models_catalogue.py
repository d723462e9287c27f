"""The catalogue, what counts as installed, and which model is in use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core.config import Settings
from core.errors import ModelError, ModelMissingError, UsageError
from core.models.catalogue import ROLE_OF_FORM, Form, recommended, shipped_catalogue
from core.models.installed import (
    MANIFEST,
    FileRecord,
    InstalledModel,
    active_model,
    check_unchanged,
    find_installed,
    installed_models,
    read_manifest,
    write_manifest,
)
from core.models.library import list_models, use_model, verify_models
from core.types import ModelRole
from tests.core.model_bundles import put_model


def test_every_catalogue_model_says_where_it_comes_from_and_what_it_costs() -> None:
    entries = shipped_catalogue().entries
    assert len({entry.name for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.role is ROLE_OF_FORM[entry.form]
        assert entry.source
        assert entry.licence
        assert entry.size_bytes > 1_000_000
        assert (entry.dim is None) == (entry.role is ModelRole.SPEECH)
        if entry.repo:
            assert any(entry.weights in group for group in entry.files)
        if entry.url:
            assert entry.sha256 == entry.url.split("/")[-2], "the publisher puts the digest in the path"


def test_whisper_addresses_are_those_of_the_library() -> None:
    import whisper

    official = {whisper._MODELS[name] for name in ("tiny", "base", "small", "turbo")}
    assert {entry.url for entry in shipped_catalogue().entries if entry.form is Form.WHISPER} == official


def test_open_clip_repositories_are_those_of_the_library() -> None:
    import open_clip

    tags = {
        "ViT-B-32": "laion2b_s34b_b79k",
        "xlm-roberta-base-ViT-B-32": "laion5b_s13b_b90k",
        "ViT-B-32-SigLIP2-256": "webli",
        "ViT-B-16-SigLIP2": "webli",
    }
    for name, tag in tags.items():
        entry = shipped_catalogue().get(name)
        assert open_clip.get_pretrained_cfg(name, tag)["hf_hub"].strip("/") == entry.repo
        assert open_clip.get_model_config(name)["embed_dim"] == entry.dim


@pytest.mark.parametrize("code", ["en", "en-GB", "en_US", "EN"])
def test_english_gets_the_english_models(code: str) -> None:
    assert recommended(ModelRole.PHOTO, code) == "ViT-B-32"
    assert recommended(ModelRole.TEXT, code) == "all-MiniLM-L6-v2"


@pytest.mark.parametrize("code", ["de", "zh-CN", "ja", "enm"])
def test_other_languages_get_the_multilingual_ones(code: str) -> None:
    assert recommended(ModelRole.PHOTO, code) == "xlm-roberta-base-ViT-B-32"
    assert recommended(ModelRole.TEXT, code) == "multilingual-e5-small"
    assert recommended(ModelRole.SPEECH, code) == "whisper-base"


@pytest.mark.parametrize("role", list(ModelRole))
def test_what_is_recommended_is_in_the_catalogue(role: ModelRole) -> None:
    for code in ("en", "de"):
        assert shipped_catalogue().get(recommended(role, code)).role is role


def test_the_packaged_text_model_is_installed_from_the_start(settings: Settings) -> None:
    infos = {info.name: info for info in list_models(settings)}
    assert infos["all-MiniLM-L6-v2"].installed
    assert infos["all-MiniLM-L6-v2"].active
    assert infos["all-MiniLM-L6-v2"].languages == "English"
    assert [name for name, info in infos.items() if info.installed] == ["all-MiniLM-L6-v2"]
    assert active_model(settings, ModelRole.PHOTO) is None


def test_the_first_installed_model_is_used_until_one_is_chosen(settings: Settings) -> None:
    put_model(settings, "my-own")
    put_model(settings, "xlm-roberta-base-ViT-B-32")
    in_use = active_model(settings, ModelRole.PHOTO)
    assert in_use is not None
    assert in_use.name == "xlm-roberta-base-ViT-B-32", "the catalogue goes before a person's own"

    chosen = active_model(use_model(settings, "my-own"), ModelRole.PHOTO)
    assert chosen is not None
    assert chosen.name == "my-own"


def test_a_choice_that_is_gone_falls_back(settings: Settings) -> None:
    put_model(settings, "ViT-B-32")
    in_use = active_model(settings.with_model(ModelRole.PHOTO, "deleted"), ModelRole.PHOTO)
    assert in_use is not None
    assert in_use.name == "ViT-B-32"


def test_a_demo_model_is_never_used_unless_chosen(settings: Settings) -> None:
    put_model(settings, "demo-clip", demo=True)
    assert active_model(settings, ModelRole.PHOTO) is None
    in_use = active_model(use_model(settings, "demo-clip"), ModelRole.PHOTO)
    assert in_use is not None
    assert in_use.manifest.demo


def test_using_a_model_that_is_not_there_says_so(settings: Settings) -> None:
    with pytest.raises(ModelMissingError, match="not on this computer"):
        use_model(settings, "ViT-B-32")
    with pytest.raises(UsageError, match="known are"):
        use_model(settings, "ViT-Z")


def installed(settings: Settings, name: str) -> InstalledModel:
    model = find_installed(settings, name)
    assert model is not None
    return model


def test_touched_files_are_hashed_once_and_then_trusted_again(settings: Settings) -> None:
    weights = put_model(settings, "mine") / "weights.safetensors"
    os.utime(weights, ns=(10**18, 10**18))
    check_unchanged(installed(settings, "mine"))
    assert installed(settings, "mine").manifest.files[0].mtime_ns == 10**18, "the new time is remembered"


def test_a_changed_file_is_refused_by_name(settings: Settings) -> None:
    weights = put_model(settings, "mine") / "weights.safetensors"
    weights.write_bytes(b"something else")
    with pytest.raises(ModelError, match="sha256") as caught:
        check_unchanged(installed(settings, "mine"))
    assert caught.value.path == weights


def flip_a_byte(path: Path) -> None:
    """Change a file as somebody does who does not want it seen: size and time stay."""
    stat = path.stat()
    content = bytearray(path.read_bytes())
    content[7] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.skipif(os.name == "nt", reason="the time of the last change of anything is one of POSIX")
def test_a_file_that_was_swapped_under_its_old_time_is_refused(settings: Settings, tmp_path: Path) -> None:
    weights = put_model(settings, "mine") / "weights.safetensors"
    flip_a_byte(weights)
    with pytest.raises(ModelError, match="sha256"):
        check_unchanged(installed(settings, "mine"))
    flip_a_byte(weights)
    check_unchanged(installed(settings, "mine"))
    other = tmp_path / "other"
    shutil.copy2(weights, other)
    flip_a_byte(other)
    other.replace(weights)
    with pytest.raises(ModelError, match="sha256"):
        check_unchanged(installed(settings, "mine"))


def test_a_manifest_of_an_earlier_version_is_brought_up_to_date(settings: Settings) -> None:
    folder = put_model(settings, "mine")
    manifest = read_manifest(folder)
    write_manifest(folder, replace(manifest, files=tuple(replace(one, ctime_ns=0, inode=0) for one in manifest.files)))
    check_unchanged(installed(settings, "mine"))
    assert read_manifest(folder) == manifest


def test_verify_finds_a_flipped_byte_behind_an_unchanged_stamp(settings: Settings) -> None:
    folder = put_model(settings, "mine")
    flip_a_byte(folder / "weights.safetensors")  # as a disk does that loses a bit: nothing about the file tells
    manifest = read_manifest(folder)
    told = tuple(FileRecord.of(one.path, (folder / one.path).stat(), one.sha256) for one in manifest.files)
    write_manifest(folder, replace(manifest, files=told))
    check_unchanged(installed(settings, "mine"))

    verdicts = {info.name: (whole, detail) for info, whole, detail in verify_models(settings)}
    assert verdicts["all-MiniLM-L6-v2"][0]
    whole, detail = verdicts["mine"]
    assert not whole
    assert "weights.safetensors" in detail


def test_a_broken_manifest_hides_its_model_and_nothing_else(settings: Settings) -> None:
    put_model(settings, "good")
    (put_model(settings, "bad") / MANIFEST).write_text("name = ", "utf-8")
    assert {model.name for model in installed_models(settings)} == {"all-MiniLM-L6-v2", "good"}
    verdicts = {info.name: whole for info, whole, _ in verify_models(settings)}
    assert verdicts == {"all-MiniLM-L6-v2": True, "good": True, "bad": False}


def test_naming_models_does_not_load_torch() -> None:
    program = (
        "import sys, core.models.library, core.models.host\n"
        "heavy = {'torch', 'open_clip', 'whisper', 'sentence_transformers', 'transformers', 'silero_vad'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or None)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
