"""Drawing items: without replacement, the same for a seed, every item and every order equally likely."""

from __future__ import annotations

import collections
import itertools
import time

import pytest
import torch

from lstmkit.training.order import draw_items, next_items


@pytest.mark.parametrize(("num_items", "count"), [(1, 1), (10, 10), (10, 3), (100, 7), (20_000_000, 5000), (17, 2)])
def test_items_are_drawn_once_and_the_seed_decides(num_items, count):
    drawn = draw_items(num_items, count, seed=3)
    assert drawn.shape == (count,) and drawn.dtype == torch.int64
    assert len(set(drawn.tolist())) == count
    assert drawn.min() >= 0 and drawn.max() < num_items
    assert torch.equal(drawn, draw_items(num_items, count, seed=3))
    if num_items > 2:
        assert not torch.equal(drawn, draw_items(num_items, count, seed=4))


def test_every_ordered_pair_of_many_items_is_equally_likely():
    """24 items and 2 drawn go the way of large data; chi-squared with 551 degrees of freedom."""
    counts = collections.Counter(tuple(draw_items(24, 2, seed).tolist()) for seed in range(20_000))
    pairs = list(itertools.permutations(range(24), 2))
    expected = 20_000 / len(pairs)
    chi = sum((counts[pair] - expected) ** 2 / expected for pair in pairs)
    assert set(counts) <= set(pairs)
    assert 551 - 5 * (2 * 551) ** 0.5 < chi < 551 + 5 * (2 * 551) ** 0.5


def test_a_draw_does_not_cost_more_from_more_items():
    seconds = {}
    for num_items in (100_000, 20_000_000):
        took = []
        for seed in range(5):
            start = time.thread_time()
            draw_items(num_items, 2000, seed)
            took.append(time.thread_time() - start)
        seconds[num_items] = min(took)
    assert seconds[20_000_000] < 20 * seconds[100_000], "a permutation of all items is 1000 times slower"


def test_items_in_order_go_on_where_the_epoch_before_stopped():
    assert next_items(7, 3, before=0).tolist() == [0, 1, 2]
    assert next_items(7, 3, before=3).tolist() == [3, 4, 5]
    assert next_items(7, 3, before=6).tolist() == [6, 0, 1]
    assert next_items(4, 4, before=16).tolist() == [0, 1, 2, 3]


def test_more_than_there_are_come_in_rounds() -> None:
    drawn = draw_items(5, 13, seed=2).tolist()
    assert sorted(drawn[:5]) == sorted(drawn[5:10]) == list(range(5))
    assert len(set(drawn[10:])) == 3
    assert drawn[:5] != drawn[5:10]
