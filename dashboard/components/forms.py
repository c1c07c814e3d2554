"""Forms: widgets for the settings of a run, with the bounds, choices and help of RunConfig."""

import math
from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard.components.image_layers import ImageLayers
from dashboard.session import state
from dataset import SOURCES
from experiments.runs.config import BOUNDS, CHOICES, HELP, PRESETS, RunConfig
from model.build import MAX_HIDDEN_LAYERS, MAX_UNITS

EPOCHS, STEPS = "Epochs", "Steps"
DEFAULT_STEPS = 500  # shown when a person changes from epochs to steps
NAMES = {
    "scale": "Stretch",
    "shear": "Slant",
    "elastic": "Elastic distortion",
    "patience": "Early stopping (checks)",
    "drawings_weight": "Times each drawing counts",
    "relu": "ReLU",
    "leaky-relu": "Leaky ReLU",
    "gelu": "GELU",
    "lecun": "LeCun",
    "norm": "Batch norm",
    "sgd": "SGD",
    "rmsprop": "RMSprop",
    "adamw": "AdamW",
    "range-test": "Rising, as in a range test",
}
SLIDERS = {  # setting -> step and format of its values
    **dict.fromkeys(("validation_share", "dropout", "label_smoothing", "scale", "shear"), (0.01, "percent")),
    **dict.fromkeys(("shift", "elastic", "stroke_width"), (0.1, "%.1f px")),
    "rotation": (1.0, "%.0f°"),
}
INCREMENTS = {"batch_size": 32, "steps": 100, "training_images": 500, "momentum": 0.01, "decay": 0.05}
DIGITS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
RATES = [float(f"{digit}e{power}") for power in range(-6, 2) for digit in DIGITS] + [100.0]


def named(word: str) -> str:
    """The name of a setting, a choice or a preset on the page."""
    return NAMES.get(word) or word.replace("_", " ").replace("-", " ").capitalize()


@dataclass(frozen=True)
class Form:
    """The widgets of one form; each method draws a group of them and returns its settings.

    The keys of the widgets start with `name`, so that a session can have several forms.
    """

    name: str

    def key(self, part: str) -> str:
        """Key of the widget for a setting, or for another part of the form."""
        return f"{self.name}-{part}"

    @property
    def image_layers(self) -> ImageLayers:
        """The rows of the form for image layers."""
        return ImageLayers(self.key("image"))

    def filled(self) -> bool:
        """Whether the widgets have values."""
        return state.widget(self.key("epochs")) is not None

    def fill(self, config: RunConfig, *, but: tuple[str, ...] = ()) -> None:
        """Set all widgets to this config, without the settings in `but`.

        Call it in a callback, or before the first widget is drawn.
        """
        values = config.to_dict() | {
            "length": STEPS if config.steps else EPOCHS,
            "steps": config.steps or DEFAULT_STEPS,
            "layers": len(config.hidden),
            "drawings_weight": max(1, config.drawings_weight),  # another widget switches them off
            "slider": _nearest(config.learning_rate),
        }
        values |= {f"units-{place}": units for place, units in enumerate(config.hidden)}
        for part in values.keys() - {*but}:
            state.set_widget(self.key(part), values[part])
        self.image_layers.fill(config.image_layers)

    def length(self) -> dict[str, Any]:
        """The length of the training in epochs or in steps."""
        with st.container(horizontal=True, vertical_alignment="bottom"):
            unit = st.segmented_control(
                "Length",
                [EPOCHS, STEPS],
                key=self.key("length"),
                required=True,
                help="In an epoch the network sees every training image once, in a step one batch of them.",
                persist_state="session",
            )
            if unit == STEPS:
                epochs = {"epochs": state.widget(self.key("epochs"))}  # unused as long as steps are set
                return self.number("steps", low=1, label_visibility="collapsed") | epochs
            return self.number("epochs", label_visibility="collapsed") | {"steps": 0}

    def learning_rate(self) -> dict[str, Any]:
        """A logarithmic slider and a field for the exact number; each follows the other."""
        slider, exact = self.key("slider"), self.key("learning_rate")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.select_slider(
                "Learning rate",
                RATES,
                format_func="{:g}".format,
                key=slider,
                help=HELP["learning_rate"],
                on_change=lambda: state.set_widget(exact, state.widget(slider)),
                persist_state="session",
            )
            return self.number(
                "learning_rate",
                text="Learning rate, exactly",
                label_visibility="collapsed",
                width=130,
                on_change=lambda: state.set_widget(slider, _nearest(state.widget(exact))),
            )

    def network(self) -> dict[str, Any]:
        """Image layers, hidden layers, and the settings of all layers."""
        image_layers = self.image_layers.render()
        layers = st.number_input(
            "Hidden layers",
            min_value=0,
            max_value=MAX_HIDDEN_LAYERS,
            key=self.key("layers"),
            help="Layers between the image and the answer. With none, each pixel votes for each digit.",
            persist_state="session",
        )
        hidden: list[int] = []
        with st.container(horizontal=True):
            for place in range(layers):
                key = self.key(f"units-{place}")
                if state.widget(key) is None:
                    state.set_widget(key, hidden[-1] if hidden else 64)
                text = f"Units in layer {place + 1}"
                units = st.number_input(
                    text, min_value=1, max_value=MAX_UNITS, key=key, persist_state="session", width=130
                )
                hidden.append(units)
        values: dict[str, Any] = {"image_layers": image_layers, "hidden": tuple(hidden)}
        if hidden or image_layers:
            values |= self.choice("activation") | self.switch("batch_norm")
        return values | self.choice("initializer") | self.choice("loss")

    def optimizer(self) -> dict[str, Any]:
        """The optimizer, batch size and weight decay."""
        values = self.choice("optimizer")
        if values["optimizer"] in ("momentum", "nesterov"):
            values |= self.number("momentum")
        return values | self.number("batch_size") | self.number("weight_decay")

    def schedule(self) -> dict[str, Any]:
        """The learning-rate schedule."""
        values = self.choice("schedule")
        return values | self.number("decay") if values["schedule"] in ("step", "inverse-time") else values

    def regularization(self, loss: str) -> dict[str, Any]:
        """Dropout, label smoothing if the loss has it, and early stopping."""
        values = self.number("dropout")
        if loss == "cross-entropy":
            values |= self.number("label_smoothing")
        return values | self.number("patience")

    def augmentation(self) -> dict[str, Any]:
        """A slider for each random change of the training images, two in a row."""
        values: dict[str, Any] = {}
        for pair in (("shift", "rotation"), ("scale", "shear"), ("elastic", "stroke_width")):
            with st.container(horizontal=True):
                for setting in pair:
                    values |= self.number(setting)
        return values

    def repetition(self) -> dict[str, Any]:
        """The seed and the number of threads."""
        with st.container(horizontal=True):
            return self.number("seed", width=130) | self.number("threads", width=130)

    def choice(self, setting: str) -> dict[str, str]:
        """A select box for a setting with a fixed set of values."""
        return {
            setting: st.selectbox(
                named(setting),
                CHOICES[setting],
                format_func=named,
                key=self.key(setting),
                help=HELP[setting],
                persist_state="session",
            )
        }

    def switch(self, setting: str) -> dict[str, bool]:
        """A switch for a setting that is on or off."""
        key = self.key(setting)
        return {setting: st.toggle(named(setting), key=key, help=HELP[setting], persist_state="session")}

    def number(self, setting: str, *, text: str = "", low: float | None = None, **options: Any) -> dict[str, Any]:
        """A slider if a rough value is enough, else a field, within the bounds of RunConfig."""
        bounds, whole = BOUNDS[setting], isinstance(getattr(RunConfig, setting), int)
        kind = int if whole else float
        options |= {"key": self.key(setting), "help": HELP[setting], "persist_state": "session"}
        options |= {"min_value": kind(bounds.low if low is None else low), "max_value": kind(bounds.high)}
        if setting in SLIDERS:
            step, written = SLIDERS[setting]
            return {setting: st.slider(text or named(setting), step=step, format=written, **options)}
        options |= {"step": INCREMENTS.get(setting, 1 if whole else 0.001), "format": "%d" if whole else "%g"}
        return {setting: st.number_input(text or named(setting), **options)}


def _nearest(rate: float) -> float:
    """The value of the slider with the smallest ratio to this rate."""
    return min(RATES, key=lambda value: abs(math.log(value / rate)))


TRAINING_FORM = Form("train")  # of the Train page; other pages fill it in too
DATA_SETTINGS = (  # a preset leaves them as they are
    "data",
    "validation_share",
    "training_images",
    "drawings_weight",
    "label_corrections",
    "seed",
    "threads",
)


def preset_with_data_of(config: RunConfig, preset: str) -> RunConfig:
    """A preset with the data settings of a config."""
    return PRESETS[preset].replace(**{setting: getattr(config, setting) for setting in DATA_SETTINGS})


def fill_training_form(config: RunConfig) -> None:
    """Make the form of the Train page show these settings."""
    TRAINING_FORM.fill(config)
    known = config.data in SOURCES
    widgets: dict[str, Any] = {"source": config.data if known else "file", "path": "" if known else config.data}
    widgets |= {"drawings": config.drawings_weight > 0, "corrected": bool(config.label_corrections)}
    for preset in PRESETS:
        if preset_with_data_of(config, preset).replace(learning_rate=config.learning_rate) == config:
            widgets["preset"] = preset
    for part, value in widgets.items():
        state.set_widget(TRAINING_FORM.key(part), value)
