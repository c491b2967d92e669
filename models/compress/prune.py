"""Structured pruning: whole n-grams and whole hidden units go, and what is left is a smaller network of the same kind.

Units are kept by how much they give: the size of what goes in times that of what comes out, as in Li et al. 2017
(arXiv:1608.08710), with activations measured on sample titles where the encoder is concerned (Molchanov et al. 2017,
arXiv:1611.06440). Nothing is trained afterwards.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from models.encoder import Bert, TextEncoder
from models.text.bags import Vocabulary
from models.text.committee import Member
from models.text.layout import Layout
from models.text.ngrams import ngrams


def without_rare_ngrams(one: Member, titles: Sequence[str], keep: float) -> Member:
    """Keep this share of the n-grams: those whose weight, times how often these titles show them, is largest."""
    seen = np.bincount(one.vocabulary.bags(ngrams(titles)).rows, minlength=len(one.vocabulary))
    weight = one.network.table.detach().norm(dim=1).numpy() * np.sqrt(seen + 1.0)
    kept = np.sort(np.argsort(-weight, kind="stable")[: round(keep * len(weight))])
    network = copy.deepcopy(one.network)
    network.table = nn.Parameter(one.network.table.detach()[torch.from_numpy(kept)].clone(), requires_grad=False)
    return replace(one, network=network, vocabulary=Vocabulary(one.vocabulary.slots[kept], one.vocabulary.groups))


def without_weak_units(one: Member, layout: Layout, keep: float) -> Member:
    """Keep this share of each domain's hidden units."""
    network = copy.deepcopy(one.network)
    for domain in layout.domains:
        hidden = network.hidden[domain.name]
        assert isinstance(hidden, nn.Linear)
        heads = [network.heads[head.key] for head in domain.heads]
        width = hidden.in_features
        out = torch.cat([_weight(head)[:, width:] for head in heads])  # (labels of all heads, hidden)
        kept = _strongest(_weight(hidden).norm(dim=1) * out.norm(dim=0), keep)
        network.hidden[domain.name] = _narrowed(hidden, rows=kept)
        columns = torch.cat([torch.arange(width), width + kept])
        for head in domain.heads:
            found = network.heads[head.key]
            assert isinstance(found, nn.Linear)
            network.heads[head.key] = _narrowed(found, columns=columns)
    return replace(one, network=network.eval().requires_grad_(False))


def without_weak_inner_units(encoder: TextEncoder, titles: Sequence[str], keep: float) -> TextEncoder:
    """Keep this share of the inner units of each layer's feed-forward part, by their output on sample titles."""
    bert: Bert = copy.deepcopy(encoder.bert)
    sizes = _inner_activity(encoder, titles)
    for layer, activity in zip(bert.layers, sizes, strict=True):
        wide, narrow = layer.wide, layer.narrow
        assert isinstance(wide, nn.Linear)
        assert isinstance(narrow, nn.Linear)
        kept = _strongest(activity * narrow.weight.detach().norm(dim=0), keep)
        layer.wide, layer.narrow = _narrowed(wide, rows=kept), _narrowed(narrow, columns=kept)
    bert.shape = replace(bert.shape, inner=round(keep * bert.shape.inner))
    return TextEncoder(bert, encoder.tokenizer, str(encoder.device))


def _inner_activity(encoder: TextEncoder, titles: Sequence[str]) -> list[Tensor]:
    """Of each layer, (inner,) root mean square of what its inner units give, over the tokens of the titles."""
    summed = [torch.zeros(encoder.bert.shape.inner) for _ in encoder.bert.layers]

    def listen(place: int) -> RemovableHandle:
        def hear(module: nn.Module, given: tuple[Tensor, ...]) -> None:
            summed[place] += given[0].detach().flatten(0, 1).square().sum(dim=0).cpu()

        return encoder.bert.layers[place].get_submodule("narrow").register_forward_pre_hook(hear)

    handles = [listen(place) for place in range(len(summed))]
    encoder.embed(titles)
    for handle in handles:
        handle.remove()
    return [each.sqrt() for each in summed]


def _weight(layer: nn.Module) -> Tensor:
    assert isinstance(layer, nn.Linear)
    return layer.weight.detach()


def _strongest(values: Tensor, keep: float) -> Tensor:
    """Places of the largest share `keep`, rising."""
    return torch.sort(torch.argsort(values, descending=True)[: max(1, round(keep * len(values)))]).values


def _narrowed(layer: nn.Linear, rows: Tensor | None = None, columns: Tensor | None = None) -> nn.Linear:
    """The layer with only these outputs, or only these inputs."""
    weight, bias = layer.weight.detach(), layer.bias.detach()
    if rows is not None:
        weight, bias = weight[rows], bias[rows]
    if columns is not None:
        weight = weight[:, columns]
    smaller = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        smaller.weight.copy_(weight)
        smaller.bias.copy_(bias)
    return smaller.requires_grad_(False)
