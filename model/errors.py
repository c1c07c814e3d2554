"""The base class of all errors that this project raises on purpose."""


class DigitLabError(ValueError):
    """An error whose message is a sentence for people: what is wrong, what was expected, what to do."""
