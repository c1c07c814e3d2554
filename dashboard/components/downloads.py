"""Downloads: buttons that download a file, and the offer to fetch a source of digits."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboard.access.actions import download
from dashboard.access.decision import Action, counted_download, refusal_of
from dashboard.access.limits import Refusal
from dashboard.components.messages import error_text
from dataset import SOURCES, DataError


def offer_download(source: str, use_instead: Callable[[], None]) -> None:
    """Offer the download, or the digits that are here instead."""
    title = SOURCES[source].title
    st.info(f"{title} is not on this computer. Download it once (about 12 MB), or use the 5,000 digits that are here.")
    refusal = refusal_of(Action.DOWNLOAD)
    with st.container(horizontal=True):
        wanted = st.button(
            f"Download {title}",
            icon=":material/download:",
            disabled=refusal is not None,
            help=str(refusal) if refusal else None,
        )
        st.button("Take the 5,000 digits", on_click=use_instead)
    if wanted:
        try:
            with st.status(f"Downloading {title}", expanded=True):
                download(source, progressbar=DownloadBar())
        except (DataError, Refusal) as error:
            st.error(error_text(error))
        else:
            st.rerun()


def render_download(
    label: str,
    content: Callable[[], bytes],
    name: str,
    kind: str = "application/octet-stream",
    *,
    disabled: bool = False,
    **options: Any,
) -> None:
    """A button that downloads a file of this name and MIME type; `content` makes it when clicked.

    Each download of a visitor counts against the budget of all visitors.
    """
    if refusal := refusal_of(Action.EXPORT):
        options |= {"help": str(refusal)}
    st.download_button(
        label,
        counted_download(content),
        name,
        kind,
        on_click="ignore",
        icon=":material/download:",
        disabled=disabled or refusal is not None,
        **options,
    )


class DownloadBar:
    """A progress bar with the methods that pooch calls, for one file after another."""

    def __init__(self) -> None:
        self.total, self.done, self.bar = 0, 0, st.progress(0.0)

    def update(self, received: int) -> None:
        """Add bytes that have arrived."""
        self.done += received
        share = min(1.0, self.done / self.total) if self.total else 0.0
        self.bar.progress(share, f"{self.done / 1e6:.1f} of {self.total / 1e6:.1f} MB of this file")

    def reset(self) -> None:
        """Start at 0 bytes."""
        self.done = 0

    def close(self) -> None:
        """Start at 0 bytes for the next file."""
        self.reset()
