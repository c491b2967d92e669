"""Titles as read: no hole where a value is written, and nothing from the bucket kept for judging."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from models.data import electronics, fashion, grocery
from models.data.splits import KEPT_OUT, TEST, TRAIN, VALIDATION, bucket, buckets
from models.errors import DataError

FASHION_HEADER = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"


def write(file: Path, lines: list[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))


def test_a_bucket_is_the_sha1_of_the_key_modulo_ten() -> None:
    for key in ("nike men shoe", "größe", ""):
        assert bucket(key) == int(hashlib.sha1(key.encode()).hexdigest(), 16) % 10
    assert buckets(["a", "b", "a"]).tolist() == [bucket("a"), bucket("b"), bucket("a")]


def test_the_splits_share_no_bucket_and_leave_one_out() -> None:
    used = [TEST, VALIDATION, *TRAIN]
    assert len(used) == len(set(used)) == 9
    assert KEPT_OUT not in used


def test_fashion_keeps_na_as_a_colour_and_an_empty_cell_as_unknown(tmp_path: Path) -> None:
    rows = [f"{i},Men,Apparel,Topwear,Tshirts,NA,,2011.0,Casual,Shirt {i}" for i in range(60)]
    write(tmp_path / "fashion" / "products.csv.gz", [FASHION_HEADER, *rows])
    found = fashion.load(tmp_path)
    assert set(found.labels["baseColour"]) == {"NA"}
    assert set(found.labels["season"]) == {""}
    assert found.category == "articleType"


def test_no_row_of_the_kept_out_bucket_is_read(tmp_path: Path) -> None:
    rows = [f"{i},Men,Apparel,Topwear,Tshirts,Blue,Fall,2011.0,Casual,Shirt {i}" for i in range(400)]
    write(tmp_path / "fashion" / "products.csv.gz", [FASHION_HEADER, *rows])
    offers = [f"{i},offer {i},1,{i},Cluster {i},1,TVs" for i in range(400)]
    header = "product_id,title,merchant_id,cluster_id,cluster_label,category_id,category_label"
    write(tmp_path / "electronics" / "offers.csv.gz", [header, *offers])
    for found in (fashion.load(tmp_path), electronics.load(tmp_path), grocery.load()):
        assert len(found) > 0
        assert all(bucket(key) != KEPT_OUT for key in set(found.keys))
        assert KEPT_OUT not in found.buckets
    assert fashion.load(tmp_path).keys[0] == fashion.load(tmp_path).titles[0].lower()
    assert electronics.load(tmp_path).keys[0].startswith("Cluster ")


def test_a_group_never_straddles_splits() -> None:
    found = grocery.load()
    of_key: dict[str, set[int]] = {}
    for key, tenth in zip(found.keys, found.buckets.tolist(), strict=True):
        of_key.setdefault(key, set()).add(tenth)
    assert all(len(tenths) == 1 for tenths in of_key.values())


def test_a_grocery_title_reads_like_a_catalogue_and_does_not_name_its_department() -> None:
    assert grocery.title("SHREDDED CHEESE", "8 OZ", "Private") == "Store Brand Shredded Cheese, 8 oz"
    assert grocery.title("ICE - CRUSHED/CUBED", "22 LB", "National") == "Ice - Crushed/Cubed, 22 lb"
    assert grocery.title("BANANAS") == "Bananas"
    frame = grocery.products()
    types = frame["title"].str.replace(r"^Store Brand |, [^,]*$", "", regex=True).str.lower()
    # What share names its department by accident ("Frozen Meat")? Few: the type was never written to say it.
    named = np.mean([d.lower() in t for d, t in zip(frame["department"], types, strict=True)])
    assert named < 0.02
    assert frame["product_id"].is_unique


def test_parts_keep_titles_and_labels_together() -> None:
    found = grocery.load()
    part = found.where([TEST])
    assert set(part.buckets.tolist()) == {TEST}
    first = found.buckets.tolist().index(TEST)
    assert part.titles[0] == found.titles[first]
    assert part.labels["category"][0] == found.labels["category"][first]
    assert part.fingerprint() != found.fingerprint()


def test_missing_data_says_which_file_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"products\.csv\.gz cannot be read.*--data"):
        fashion.load(tmp_path)
    write(tmp_path / "electronics" / "offers.csv.gz", ["product_id,title", "1,tv"])
    with pytest.raises(DataError, match=r"lacks the columns \['cluster_label', 'category_label'\]"):
        electronics.load(tmp_path)
