"""The errors lstmkit raises on purpose.

    InputError(ValueError)     what the user gave cannot be used; one line that names the value, the place and the fix
    NotFittedError(InputError) predict, score or save before fit
    ModelFolderError(InputError) a model folder that is missing, damaged, newer, or made for other columns

The command line prints the message of an `InputError` as one line and exits with code 2; every other exception is a
defect of lstmkit and keeps its traceback.
"""


class InputError(ValueError):
    """What the user gave cannot be used; the message names the value, the place and the fix."""


class NotFittedError(InputError):
    """A method that needs a fitted model was called before `fit`."""


class ModelFolderError(InputError):
    """A model folder is missing, damaged, from a newer version, or made for other columns."""
