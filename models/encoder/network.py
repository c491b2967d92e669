"""The encoder tower of the product model: a pretrained encoder, pooled, and the heads of the title network."""

from __future__ import annotations

import torch
from torch import Tensor

from models.encoder.bert import Bert, pooled
from models.text.heads import Heads, Size
from models.text.layout import Layout


class EncoderNetwork(Heads):
    """Token ids -> logits of the domain and of every head.

    The pooled text is the mean of the tokens' states beside the state of the first token: the one knows every word, the
    other what the layers made of the whole.
    """

    def __init__(self, bert: Bert, hidden: int, layout: Layout, dropout: float = 0.0) -> None:
        super().__init__(Size(2 * bert.shape.width, hidden), layout, dropout)
        self.bert = bert

    def pool(self, ids: Tensor, mask: Tensor, dropout: float = 0.0) -> Tensor:
        """Shapes: ids (n, l) int64, mask (n, l) bool -> (n, 2 * width of the encoder)."""
        states = self.bert(ids, mask, dropout)
        both: Tensor = self.norm(torch.cat([pooled(states, mask), states[:, 0]], dim=1))
        return both
