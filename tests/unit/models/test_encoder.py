"""Pretrained encoders: the packages' weights, read right, and texts of any kind."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.encoder import TextEncoder, add_lora, frozen_encoder, load_encoder, lora_state
from models.encoder.lora import merge_lora
from models.errors import ArtifactError


@pytest.fixture(scope="module")
def minilm() -> TextEncoder:
    return load_encoder("minilm")


@pytest.fixture(scope="module")
def e5() -> TextEncoder:
    return load_encoder("e5")


def _likeness(encoder: TextEncoder, *texts: str) -> np.ndarray:
    found = encoder.embed(texts)
    return found @ found.T


def test_minilm_finds_what_means_the_same(minilm: TextEncoder) -> None:
    like = _likeness(minilm, "a cat sits outside", "a kitten is in the garden", "quarterly tax report")
    assert like[0, 1] > 0.5 > 0.2 > like[0, 2]


def test_e5_finds_the_same_thing_in_another_language(e5: TextEncoder) -> None:
    like = _likeness(e5, "query: running shoes for men", "query: 男士跑步鞋", "query: 不锈钢炒锅", "query: frying pan")
    assert like[0, 1] > like[0, 2]
    assert like[3, 2] > like[3, 1]


def test_an_embedding_does_not_depend_on_its_neighbours(minilm: TextEncoder) -> None:
    texts = ["red shoe", "a much longer title of a pan with a lid that is sold in three sizes", "", "x" * 9000]
    together = minilm.embed(texts)
    alone = np.concatenate([minilm.embed([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_offsets_cut_the_words_out_of_the_text(minilm: TextEncoder) -> None:
    states, mask, offsets = minilm.hidden(["Red Wool Socks", "Pan"])
    assert states.shape == (*mask.shape, minilm.width)
    words = ["Red Wool Socks"[first:last] for first, last in offsets[0] if last]
    assert "".join(words) == "RedWoolSocks"
    assert mask.sum(dim=1).tolist() == [len(words) + 2, 3]


@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_any_text_has_an_embedding(minilm: TextEncoder, texts: list[str]) -> None:
    assert np.isfinite(minilm.embed(texts)).all()


def test_halves_of_surrogate_pairs_and_a_megabyte_are_read(minilm: TextEncoder) -> None:
    assert np.isfinite(minilm.embed(["\ud83d shoe", "shoe \udc00", "鞋" * 1_000_000])).all()


def test_an_adapter_changes_nothing_until_it_is_trained_and_merges_without_a_difference(minilm: TextEncoder) -> None:
    texts = ["red wool socks", "frying pan"]
    before = minilm.embed(texts)
    bert, tokenizer = load_encoder("minilm").bert, minilm.tokenizer
    adapted = TextEncoder(add_lora(bert, rank=4, alpha=8, layers=2), tokenizer)
    np.testing.assert_allclose(adapted.embed(texts), before, atol=1e-6)
    trained = [name for name, parameter in bert.named_parameters() if parameter.requires_grad]
    assert {name.split(".")[1] for name in trained} == {"4", "5"}

    with torch.no_grad():
        for name, parameter in bert.named_parameters():
            if name.endswith(".up"):
                parameter.copy_(torch.randn_like(parameter).half() * 0.02)
            if name.endswith(".down"):
                parameter.copy_(parameter.half())
    changed = adapted.embed(texts)
    assert np.abs(changed - before).max() > 1e-3
    merged = TextEncoder(merge_lora(load_encoder("minilm").bert, lora_state(bert), alpha=8), tokenizer)
    np.testing.assert_allclose(merged.embed(texts), changed, atol=1e-5)


def test_an_adapter_of_another_encoder_is_refused(minilm: TextEncoder) -> None:
    state = {"layers.0.out.down": torch.zeros(4, 7), "layers.0.out.up": torch.zeros(9, 4)}
    with pytest.raises(ArtifactError, match="of another encoder"):
        merge_lora(minilm.bert, state, alpha=8)


def test_frozen_encoders_share_their_weights_and_answer_as_one_of_their_own(minilm: TextEncoder) -> None:
    one, other = frozen_encoder("minilm"), frozen_encoder("minilm", tokens=6)
    assert other.bert is one.bert
    assert one.bert is not minilm.bert
    texts = ["red wool socks for men who walk a lot"]
    np.testing.assert_array_equal(one.embed(texts), minilm.embed(texts))
    assert [len(ids) for ids in other.ids(texts)] == [6]
    assert len(one.ids(texts)[0]) > 6
