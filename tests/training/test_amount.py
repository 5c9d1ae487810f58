"""How much is learnt where nobody says it."""

from lstmkit.training import Amount

AMOUNT = Amount(steps=1000, least=4, most=20, steps_an_epoch=100)


def test_few_rows_come_in_smaller_batches_and_none_in_larger_ones() -> None:
    assert AMOUNT.batch(100_000, most=64) == 64
    assert AMOUNT.batch(3_200, most=64) == 32
    assert AMOUNT.batch(10, most=64) == AMOUNT.least_batch
    assert AMOUNT.batch(10, most=4) == 4


def test_epochs_make_about_so_many_steps_within_bounds() -> None:
    assert AMOUNT.epochs(100) == 10
    assert AMOUNT.epochs(1_000_000) == 4
    assert AMOUNT.epochs(1) == 20
