"""Lasting: whether drawings that are stored here will still be there when the server has been started anew."""

import os
from pathlib import Path

COMMUNITY_CLOUD = Path("/mount/src")  # where Streamlit Community Cloud puts a project


def drawings_last() -> bool:
    """False on a host that keeps no files, as long as no database elsewhere is named.

    Known are Streamlit Community Cloud and Hugging Face Spaces, which sets SPACE_ID; DIGITS_DISK says it of any other
    host, or that this one does keep files: `forgets` or `lasts`.
    """
    database = os.environ.get("DIGITS_DATABASE", "")
    if database and not database.startswith("sqlite"):
        return True
    disk = os.environ.get("DIGITS_DISK")
    if disk in ("forgets", "lasts"):
        return disk == "lasts"
    return COMMUNITY_CLOUD not in Path(__file__).resolve().parents and "SPACE_ID" not in os.environ
