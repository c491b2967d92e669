"""The gift shop's and the electronics store's files as columns: what is left out, what comes first, what is to come."""

from pathlib import Path

import numpy as np
import pytest

from models.data import gifts, store
from models.data.splits import KEPT_OUT, bucket
from models.errors import DataError
from tests.unit.models.shops import load_gifts, load_log, sales, write_gifts, write_store

KEPT = next(f"{number}.0" for number in range(100) if bucket(f"{number}.0") == KEPT_OUT)
OTHER, LATER = [f"{number}.0" for number in range(100) if bucket(f"{number}.0") != KEPT_OUT][:2]


def line(invoice: str, item: str, customer: str, *, day: int = 1, text: str = "TIN", quantity: int = 1) -> str:
    return f"{invoice},{item},{text},{quantity},2011-01-{day:02d} 08:00:00,2.5,{customer},France"


def test_an_event_is_the_first_line_of_a_customer_an_invoice_and_an_item(tmp_path: Path) -> None:
    found = load_gifts(
        tmp_path,
        [
            line("7", "B", OTHER, day=2),
            line("5", "B", OTHER, quantity=3),
            line("5", "A", OTHER),
            line("5", "B", OTHER, quantity=8),
            line("C6", "A", OTHER),
            line("8", "A", ""),
            line("9", "A", KEPT),
            line("4", "C", LATER, day=3),
        ],
    )
    assert [found.items[i] for i in found.item] == ["B", "A", "B", "C"]
    assert found.quantity.tolist() == [3, 1, 1, 1]
    assert found.customer.tolist() == [0, 0, 0, 1]
    assert len(set(found.invoice.tolist())) == 3
    assert found.followed().tolist() == [True, True, False, False]
    assert KEPT_OUT not in found.bucket.tolist()


def test_an_item_has_the_description_of_most_of_its_lines(tmp_path: Path) -> None:
    lines = [line(str(number), "A", OTHER, text=text) for number, text in enumerate(["TIN", "", " BOX ", "BOX", ""])]
    found = load_gifts(tmp_path, [*lines, line("9", "B", OTHER, text="")])
    assert found.descriptions == ("BOX", "")


def test_shuffled_invoices_hold_the_same_items() -> None:
    before = sales()
    after = before.shuffled(seed=1)
    assert (after.invoice == before.invoice).all()
    assert (after.item != before.item).any()
    assert sorted(zip(before.invoice, before.item, strict=True)) == sorted(zip(after.invoice, after.item, strict=True))
    assert before.fingerprint() != after.fingerprint()


def test_a_file_that_is_not_as_its_readme_says_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        gifts.load(tmp_path)
    write_gifts(tmp_path, ["5,A,TIN,many,2011-01-01 08:00:00,2.5,12,France"])
    with pytest.raises(DataError, match="many"):
        gifts.load(tmp_path)
    write_store(tmp_path, ["2019-10-01 00:00:00 UTC,stare,1,2,,acme,3.5,4,s"])
    with pytest.raises(DataError, match="stare"):
        store.load(tmp_path)


def test_bought_later_is_after_the_event_and_in_its_session(tmp_path: Path) -> None:
    user = next(str(number) for number in range(100) if bucket(str(number)) != KEPT_OUT)
    rows = [(0, "view", "a"), (1, "purchase", "b"), (2, "purchase", "a"), (3, "view", "a"), (4, "cart", "b")]
    found = load_log(
        tmp_path, [f"2019-10-01 00:00:0{at} UTC,{kind},1,2,,acme,3.5,{user},{name}" for at, kind, name in rows]
    )
    assert found.bought_later().tolist() == [True, False, False, False, False]


def test_a_session_of_two_users_is_two_sessions(tmp_path: Path) -> None:
    one, two = [str(number) for number in range(100) if bucket(str(number)) != KEPT_OUT][:2]
    rows = [(0, "view", one), (1, "purchase", two), (1, "view", one)]
    found = load_log(tmp_path, [f"2019-10-01 00:00:0{at} UTC,{kind},1,2,,,3.5,{user},s" for at, kind, user in rows])
    assert len(np.unique(found.session)) == 2
    assert not found.bought_later().any()
