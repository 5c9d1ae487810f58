"""Arguments of a constructor as scikit-learn asks for them: told, set again, and shown."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, Self

from lstmkit.errors import InputError


class Parameters:
    """What is built by a constructor whose arguments are attributes of the same names, as scikit-learn has it."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments, so that scikit-learn's `clone` works."""
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self, **params: Any) -> Self:
        """Change arguments of the constructor; what was learnt stays until the next fit.

        params   by name; `settings__hidden_size` is the field `hidden_size` of `settings`
        Returns  self
        Raises   InputError if there is no such argument or field, or a value is out of range; nothing is changed then
        """
        own, fields = self.get_params(), dict[str, dict[str, Any]]()
        for name, value in params.items():
            owner, nested, field = name.partition("__")
            if owner not in own:
                raise InputError(f"{type(self).__name__} has no argument {owner!r} (arguments: {', '.join(own)})")
            if nested:
                fields.setdefault(owner, {})[field] = value
            else:
                own[owner] = value
        for owner, changed in fields.items():
            own[owner] = _changed(owner, self.settings_now(own) if owner == "settings" else own[owner], changed)
        type(self)(**own)  # checks all before anything is changed
        self.__init__(**own)  # type: ignore[misc]
        return self

    def settings_now(self, params: dict[str, Any]) -> Any:
        """Return the settings that arguments stand for: those given, or the usual ones where a class can do without."""
        return params["settings"]

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn's searches ask: neither labels nor arrays are needed; nobody else calls this."""
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(None, TargetTags(required=False), input_tags=InputTags(two_d_array=False))

    def __repr__(self) -> str:
        """Show the arguments that differ from their defaults."""
        defaults = self._defaults()
        given = {k: v for k, v in self.get_params().items() if v != defaults[k].default}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in given.items())})"

    @classmethod
    def _defaults(cls) -> dict[str, inspect.Parameter]:
        return {name: p for name, p in inspect.signature(cls.__init__).parameters.items() if name != "self"}


def _changed(owner: str, settings: Any, fields: dict[str, Any]) -> Any:
    names = [field.name for field in dataclasses.fields(settings)] if dataclasses.is_dataclass(settings) else []
    for field in fields:
        if field not in names:
            raise InputError(f"{owner} has no field {field!r} (fields: {', '.join(names) or 'none'})")
    return dataclasses.replace(settings, **fields)
