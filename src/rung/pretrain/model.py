"""The shape of a base model from one dial: the number of parameters."""

from __future__ import annotations

from transformers import LlamaConfig

from rung.types import UserError

# (depth, width, feed-forward, heads): sizes are told with the embedding of an 8k vocabulary.
SHAPES: dict[str, tuple[int, int, int, int]] = {
    "0.5M": (3, 64, 192, 2),
    "2M": (4, 128, 352, 2),
    "7M": (6, 256, 704, 4),
    "16M": (8, 384, 1024, 6),
    "40M": (10, 576, 1536, 9),
    "100M": (12, 768, 2560, 12),
}


def shape(size: str, vocabulary: int, context: int, end_of_text: int, pad: int) -> LlamaConfig:
    """A Llama configuration with tied embeddings for a size such as ``7M``; raises UserError on another size."""
    if size not in SHAPES:
        known = ", ".join(SHAPES)
        raise UserError(f"no size {size!r}: type one of {known}", zh=f"没有 {size!r} 这个规模：可选 {known}")
    depth, width, inner, heads = SHAPES[size]
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=context,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True,
        bos_token_id=end_of_text,
        eos_token_id=end_of_text,
        pad_token_id=pad,
        initializer_range=0.02,
        rms_norm_eps=1e-5,
    )
