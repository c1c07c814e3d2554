"""The base class of all errors that this project raises on purpose."""


class DigitLabError(ValueError):
    """An error with a message for people: the problem, the expected value and the remedy.

    A page or a command shows the message without a traceback.
    """
