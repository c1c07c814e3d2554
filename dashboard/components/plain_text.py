"""Plain text: names that people typed, for places where Streamlit renders Markdown."""

import re

SPECIAL = re.compile(r"([\\`*\[\]<>$~|!#&]|(?<!\w)_|_(?!\w))")
SHORTCODE = re.compile(r":(?=[a-z+-][a-z0-9_+/-]*:)", re.IGNORECASE)  # an emoji or an icon
LIST_MARK = re.compile(r"^([-+=]|\d+[.)])")
WORD_JOINER = "\N{WORD JOINER}"  # invisible


def plain_text(name: str) -> str:
    """The name as Markdown that shows it character by character, on one line.

    Use it for each name, note or file name that a person typed, and for errors that contain one,
    wherever the text is Markdown: labels and help of widgets, headings, captions, messages, toasts
    and the options of radio buttons and segmented controls. Not for options of a select box, cells
    of a table, values of a text field, charts and `st.text`, which show plain text anyway. HTML
    needs `html.escape` instead.
    """
    text = SPECIAL.sub(r"\\\1", " ".join(name.split()))
    return LIST_MARK.sub(WORD_JOINER + r"\1", SHORTCODE.sub(":" + WORD_JOINER, text))
