"""Whether a person opened the app on the computer that runs it."""

from ipaddress import ip_address
from urllib.parse import urlsplit

import streamlit as st
from streamlit import runtime

# A proxy adds one of these headers, or another one that starts with "x-forwarded-".
PROXY_HEADERS = ("forwarded", "via", "x-real-ip", "x-original-host", "cf-connecting-ip", "true-client-ip")


def is_local() -> bool:
    """Whether the browser runs on the computer of the server and reaches it without a proxy.

    Three facts must agree. The address of the other end of the websocket is a loopback address. No
    header of a proxy is there. The names in the headers Host and Origin are those of this computer:
    proxies and ports that are forwarded show a public name there, also where they add no header. A
    person elsewhere can forge the headers, but not the address. Without a connection, for example
    after the browser has left, the answer is no.
    """
    if not runtime.exists():  # no server: a script imports the pages
        return True
    headers = {name.lower(): value for name, value in st.context.headers.items()}
    return (
        _is_loopback(st.context.ip_address)
        and not any(name in PROXY_HEADERS or name.startswith("x-forwarded") for name in headers)
        and _names_this_computer(f"//{headers.get('host', '')}")
        and ("origin" not in headers or _names_this_computer(headers["origin"]))
    )


def _is_loopback(address: str | None) -> bool:
    """Whether this is the address of the same computer. Streamlit gives None for 127.0.0.1."""
    if address is None:
        # None too where nothing is known: then no header Host is there, or the socket is a file.
        return not str(st.get_option("server.address") or "").startswith("unix:")
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def _names_this_computer(address: str) -> bool:
    """Whether the host in an address such as http://localhost:8501 is this computer."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
