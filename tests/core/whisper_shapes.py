"""Whisper checkpoints of the official shapes with random weights, which decode a set number of tokens."""

from __future__ import annotations

from pathlib import Path

# width, heads, layers of the encoder, layers of the decoder, mel bands
SHAPES = {
    "smallest": (32, 2, 1, 1, 80),
    "deeper": (48, 3, 3, 2, 80),
    "turbo-like": (32, 2, 3, 1, 128),  # 128 bands, far fewer decoder layers, 100 languages
    "tiny": (384, 6, 4, 4, 80),
    "base": (512, 8, 6, 6, 80),
}
VOCABULARY = {"english": 51864, "multilingual": 51865, "with Cantonese": 51866}


def make_whisper_of(path: Path, shape: str, *, vocabulary: str = "multilingual", tokens: int = 100) -> Path:
    """A checkpoint in OpenAI's format of which every window becomes exactly ``tokens`` tokens of text.

    Random weights end a text anywhere or never. Here the last layer's norm pushes the logits of the end of text and of
    all but the first timestamp down, so that both libraries decode until the limit, which is half of the text context:
    100 tokens are what half a minute of speech takes.
    """
    import torch
    from whisper.model import ModelDimensions, Whisper
    from whisper.tokenizer import get_tokenizer

    width, heads, audio_layers, text_layers, mels = SHAPES[shape]
    dims = ModelDimensions(
        n_mels=mels,
        n_audio_ctx=1500,
        n_audio_state=width,
        n_audio_head=heads,
        n_audio_layer=audio_layers,
        n_vocab=VOCABULARY[vocabulary],
        n_text_ctx=2 * tokens,
        n_text_state=width,
        n_text_head=heads,
        n_text_layer=text_layers,
    )
    torch.manual_seed(7)
    model = Whisper(dims)
    tokenizer = get_tokenizer(model.is_multilingual, num_languages=model.num_languages)
    with torch.no_grad():
        torch.nn.init.normal_(model.decoder.positional_embedding, std=0.3)
        embedding = model.decoder.token_embedding.weight
        torch.nn.init.normal_(embedding, std=0.3)
        embedding[:, 0] = 0.0
        embedding[tokenizer.eot, 0] = -1.0
        embedding[tokenizer.timestamp_begin :, 0] = -1.0
        model.decoder.ln.bias[0] = 100.0
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"dims": vars(dims), "model_state_dict": model.half().state_dict()}, path)
    return path
