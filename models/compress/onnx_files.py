"""ONNX files of the title network and of the encoder, and the same with int8 weights.

The title network reads bags of any number of n-grams; in ONNX a batch of bags is a table padded with the number of a
row of zeros. It answers all heads of all domains: which ones count is decided outside, as before.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from models.encoder import Bert
from models.encoder.bert import pooled
from models.errors import ArtifactError
from models.text.committee import Member
from models.text.layout import Layout

OPSET = 20  # the first with GELU as one operator


class PaddedTitles(nn.Module):
    """Padded bags -> logits of the domain and of every head, in the order of the layout."""

    def __init__(self, one: Member, layout: Layout) -> None:
        super().__init__()
        self.network = one.network
        table = one.network.table.detach()
        self.table = nn.Parameter(torch.cat([table, torch.zeros(1, table.shape[1])]), requires_grad=False)
        self._layout = layout

    def forward(self, rows: Tensor, counts: Tensor) -> tuple[Tensor, ...]:
        """Shapes: (n, l) int64 rows, (n,) float32 rows that are no padding -> (n, labels) of each."""
        total = torch.nn.functional.embedding(rows, self.table).sum(dim=1)  # (n, width)
        x = self.network.norm(total * counts.clamp(min=1).rsqrt().unsqueeze(1))
        heads: dict[str, Tensor] = {}
        for domain in self._layout.domains:
            heads |= self.network.head_logits(domain.name, x)
        return self.network.domain_logits(x), *(heads[head.key] for head in self._layout.heads())


class PooledBert(nn.Module):
    """Tokens -> the text's embedding of unit length."""

    def __init__(self, bert: Bert) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Shapes: (n, l) int64, (n, l) bool -> (n, width) float32."""
        states: Tensor = self.bert.norm(self.bert.words(ids) + self.bert.positions.weight[: ids.shape[1]])
        # Bert.forward asks whether anything is padded, which a graph cannot; a mask of ones gives the same.
        for layer in self.bert.layers:
            states = layer(states, mask[:, None, None, :], 0.0)
        return nn.functional.normalize(pooled(states, mask), dim=1)


def export_titles(one: Member, layout: Layout, file: Path) -> None:
    """Write one title network. Errors: ArtifactError without the extra `onnx`."""
    width = torch.export.Dim("ngrams", min=2)
    texts = torch.export.Dim("texts", min=2)
    rows = torch.zeros(3, 5, dtype=torch.int64)
    names = ["domain", *(head.key for head in layout.heads())]
    _export(
        PaddedTitles(one, layout).eval(),
        (rows, torch.ones(3)),
        file,
        (["rows", "counts"], names),
        {"rows": {0: texts, 1: width}, "counts": {0: texts}},
    )


def export_encoder(bert: Bert, file: Path) -> None:
    """Write an encoder with its pooling. Errors: ArtifactError without the extra `onnx`."""
    length, texts = torch.export.Dim("tokens", min=2, max=bert.shape.positions), torch.export.Dim("texts", min=2)
    ids = torch.ones(3, 7, dtype=torch.int64)
    dims = {0: texts, 1: length}
    given = (ids, torch.ones(3, 7, dtype=torch.bool))
    _export(PooledBert(bert).eval(), given, file, (["ids", "mask"], ["pooled"]), {"ids": dims, "mask": dims})


def int8_file(source: Path, target: Path) -> None:
    """The same graph with weights of matrices in int8, inputs rounded as they come."""
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise ArtifactError(f"ONNX files need onnxruntime ({error}); install shelfstream[onnx]") from error
    quantize_dynamic(source, target, weight_type=QuantType.QInt8)


def _export(
    network: nn.Module,
    given: tuple[Tensor, ...],
    file: Path,
    names: tuple[list[str], list[str]],
    dims: dict[str, dict[int, torch.export.Dim]],
) -> None:
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ArtifactError(f"ONNX files need onnx and onnxscript ({error}); install shelfstream[onnx]") from error
    file.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # the exporter tells its steps
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            given,
            file,
            input_names=names[0],
            output_names=names[1],
            dynamic_shapes=dims,
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
