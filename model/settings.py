"""Settings: fields of a config, declared once with bounds or choices and an explanation."""

import dataclasses
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple, Self, get_type_hints

from model.errors import DigitLabError


class ConfigError(DigitLabError):
    """A setting does not exist, or its value is not allowed."""


class Bounds(NamedTuple):
    """Smallest and largest value of a number; `log`: its slider is logarithmic."""

    low: float
    high: float
    log: bool = False


class Setting(NamedTuple):
    """The declaration of one setting."""

    name: str
    kind: Any
    help: str
    bounds: Bounds | None = None
    choices: tuple[str, ...] = ()
    items: str = ""

    def parse(self, text: str) -> Any:
        """The value of a text: "0.01", "adam", "128,64" (a list; "" or "none" has no items)."""
        text = text.strip()
        if self.kind is bool and text in ("true", "false"):
            return text == "true"
        if self.items:
            parts = [part.strip() for part in text.strip("[]()").split(",") if part.strip()]
            parts = [] if parts == ["none"] else parts
            try:
                return tuple(map(self.item_kind, parts))
            except ValueError:
                raise ConfigError(f"{self.name} is {self.expected}, got {text!r}.") from None
        try:
            return text if self.kind is bool else self.kind(text)
        except ValueError:
            raise ConfigError(f"{self.name} is {self.expected}, got {text!r}.") from None

    def check(self, value: Any) -> None:
        """Raise ConfigError unless the value has the right type and lies within the bounds."""
        if self.items:
            right = isinstance(value, tuple) and all(type(item) is self.item_kind for item in value)
        else:
            right = isinstance(value, (int, float) if self.kind is float else self.kind)
            right &= isinstance(value, bool) == (self.kind is bool)  # bool is a subclass of int
        if not right:
            raise ConfigError(f"{self.name} is {self.expected}, got {value!r:.60}.")
        if self.choices and value not in self.choices:
            raise ConfigError(f"{self.name} is one of {', '.join(self.choices)}, got {value!r:.60}.")
        if self.bounds and not self.bounds.low <= value <= self.bounds.high:  # also for NaN
            low, high, _ = self.bounds
            raise ConfigError(f"{self.name} lies between {low:g} and {high:,.10g}, got {number_text(value)}.")

    @property
    def item_kind(self) -> type:
        """Type of the items of a list."""
        kind: type = self.kind.__args__[0]
        return kind

    @property
    def expected(self) -> str:
        """The type in words."""
        names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
        return f"a list of {self.items}" if self.items else names[self.kind]


def number_text(value: float) -> str:
    """A number in an error: 0.003, 1e+400. A whole number of any length has such a text."""
    return f"{value:g}" if abs(value) < 1e300 or isinstance(value, float) else f"{value!r:.20}..."


def number(default: float, low: float, high: float, explanation: str, *, log: bool = False) -> Any:
    """Declare a number from low to high."""
    return field(default=default, metadata={"bounds": Bounds(low, high, log), "help": explanation})


def choice(default: str, choices: dict[str, Any], explanation: str) -> Any:
    """Declare a text that is one of the choices."""
    return field(default=default, metadata={"choices": tuple(choices), "help": explanation})


def list_of(default: tuple[Any, ...], items: str, explanation: str) -> Any:
    """Declare a list; `items` names its items in error messages."""
    return field(default=default, metadata={"items": items, "help": explanation})


def unrestricted(default: Any, explanation: str) -> Any:
    """Declare a text, or true or false, without choices."""
    return field(default=default, metadata={"help": explanation})


@dataclass(frozen=True)
class Settings:
    """Base class of configs. All values are checked when a config is made. Raises ConfigError."""

    def __post_init__(self) -> None:
        for name, setting in self.declared().items():
            setting.check(getattr(self, name))

    @classmethod
    @cache
    def declared(cls) -> dict[str, Setting]:
        """The declaration of each setting, by name."""
        kinds = get_type_hints(cls)  # slow, so it is computed once for each class
        return {f.name: Setting(f.name, kinds[f.name], **f.metadata) for f in dataclasses.fields(cls)}

    @classmethod
    def setting(cls, name: str) -> Setting:
        """The declaration of one setting. Raises ConfigError if there is none of this name."""
        declared = cls.declared()
        if name not in declared:
            raise ConfigError(f"there is no setting {name!r}; the settings are {', '.join(sorted(declared))}.")
        return declared[name]

    def replace(self, **changes: Any) -> Self:
        """A copy with other values, checked like any config."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values."""
        values = dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The config that `to_dict` wrote. Raises ConfigError."""
        return cls(
            **{
                cls.setting(name).name: tuple(value) if isinstance(value, list) else value
                for name, value in values.items()
            }
        )

    @classmethod
    def parse(cls, name: str, text: str) -> Any:
        """The value of a setting that is written as text. Raises ConfigError."""
        return cls.setting(name).parse(text)
