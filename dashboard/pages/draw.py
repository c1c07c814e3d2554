"""The Draw page."""

import streamlit as st


def render() -> None:
    st.title("Draw")
