"""An option that would do nothing is refused: whoever gave it meant something else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Complain = Callable[..., str]


@pytest.mark.parametrize(
    ("arguments", "option", "where"),
    [
        (("predict", "model", "a.csv", "--force"), "--force", "without --out"),
        (("predict", "model", "a.csv", "--paths", 3, "--ray", "host:1"), "--ray", "with --paths"),
        (("predict", "model", "--follow", "--ray", "host:1"), "--ray", "with --follow"),
        (("backtest", "a.csv", "--force"), "--force", "without --out"),
        (("tune", "a.csv", "--jobs", 2, "--ray", "host:1"), "--jobs", "with --ray"),
        (("explain", "memory", "--quick", "--longest", 160), "--longest", "with --quick"),
        (("explain", "memory", "--quick", "--minutes", 1), "--minutes", "with --quick"),
        (("explain", "memory", "--quick", "--steps", 10), "--steps", "with --quick"),
        (("language", "train", "a.txt", "--valid", "b.txt", "--valid-share", 0.05), "--valid-share", "with --valid"),
        (("language", "train", "a.txt", "--test", "b.txt", "--test-share", 0.2), "--test-share", "with --test"),
        (("language", "generate", "model", "--temperature", 0, "--top-k", 3), "--top-k", "with --temperature 0"),
        (("language", "generate", "model", "--temperature", 0, "--top-p", 0.5), "--top-p", "with --temperature 0"),
        (("language", "generate", "model", "--temperature", 0, "--seed", 3), "--seed", "with --temperature 0"),
        (("language", "generate", "model", "--temperature", 0, "--samples", 2), "--samples", "with --temperature 0"),
        (("language", "generate", "model", "--allow-unknown"), "--allow-unknown", "without --prompt"),
        (("language", "classify", "predict", "model", "a text", "--force"), "--force", "without --out"),
    ],
)
def test_an_option_that_does_nothing_beside_others_is_refused(
    complain: Complain, arguments: tuple[object, ...], option: str, where: str
) -> None:
    assert complain(*arguments) == f"{option} has no effect {where}; leave it out"
