"""Plain text: names that people typed, for places where Streamlit renders Markdown."""

import re

SPECIAL = re.compile(r"([\\`*\[\]<>$~|!#&]|(?<!\w)_|_(?!\w))")
MARKS = re.compile(  # of a color, an emoji, an icon, a link or a list
    r":(?=//|[a-z+-])|\bwww(?=\.)|(?<=\w)(?=@)|^(?=[-+=]|\d+[.)])", re.IGNORECASE
)
WORD_JOINER = "\N{WORD JOINER}"  # invisible; with one beside it, no mark has its meaning


def plain_text(name: str) -> str:
    """The name as Markdown that shows it character by character, on one line.

    Use it for each name, note or file name that a person typed, and for errors that contain one,
    wherever the text is Markdown: labels and help of widgets, headings, captions, messages, toasts
    and the options of radio buttons and segmented controls. Not for options of a select box, cells
    of a table, values of a text field, charts and `st.text`, which show plain text anyway. HTML
    needs `html.escape` instead.
    """
    text = SPECIAL.sub(r"\\\1", " ".join(name.split()))
    return MARKS.sub(r"\g<0>" + WORD_JOINER, text)
