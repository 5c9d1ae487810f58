"""The errors lstmkit raises on purpose.

    InputError(ValueError)     what the user gave cannot be used; one line that names the value, the place and the fix
    NotFittedError(InputError) predict, score or save before fit
    ModelFolderError(InputError) a model folder that is missing, damaged, newer, or made for other columns
    NothingToDo(InputError)    what was asked for has been done already; the command line exits with code 0

The command line prints the message of an `InputError` as one line and exits with code 2; every other exception is a
defect of lstmkit and keeps its traceback.
"""

from pathlib import Path

LONGEST = 1000
"""Characters of a message; what it quotes of a file may be a megabyte."""


class InputError(ValueError):
    """What the user gave cannot be used; the message names the value, the place and the fix.

    It is one line of at most LONGEST characters: of a longer message, the middle is left out.
    """

    def __init__(self, message: str) -> None:
        line = " ".join(message.splitlines()) if "\n" in message or "\r" in message else message
        if len(line) > LONGEST:
            half = LONGEST // 2 - 20
            line = f"{line[:half]} [... {len(line) - 2 * half:,} characters ...] {line[-half:]}"
        super().__init__(line)


class NotFittedError(InputError):
    """A method that needs a fitted model was called before `fit`."""


def require_fit(model: object, learnt: str) -> None:
    """Raise NotFittedError if a model lacks the attribute that `fit` and `load` leave."""
    if learnt not in vars(model):
        raise NotFittedError(f"{type(model).__name__}: not fitted yet; call fit first")


class ModelFolderError(InputError):
    """A model folder is missing, damaged, from a newer version, or made for other columns."""


class NothingToDo(InputError):  # noqa: N818 (it is no error of anybody's)
    """What was asked for has been done already.

    summary  the file that says what came of it
    """

    def __init__(self, message: str, summary: Path) -> None:
        super().__init__(message)
        self.summary = summary
