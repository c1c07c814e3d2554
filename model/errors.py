"""The base class of all errors that this project raises on purpose."""


class DigitLabError(ValueError):
    """An error whose message is a sentence for people.

    It says what is wrong, what was expected and what to do.
    """
