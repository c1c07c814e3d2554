"""The intruder's client, which forges headers, cookies and widget values."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from socket import create_connection
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

SECONDS = 120  # for an answer of a loaded machine
XSRF_COOKIE = "_streamlit_xsrf"
Cookies = dict[str, str]


@dataclass
class Intruder:
    """A session of its own at a page of the server, and everything that the page has shown."""

    socket: ClientConnection
    page: str
    query: str = ""
    page_hash: str = ""
    session: str = ""
    redirect: str = ""  # to which the page sends the browser
    buttons: dict[str, str] = field(default_factory=dict)  # ids by label, of the last run
    numbers: list[str] = field(default_factory=list)  # ids of number fields, of the last run
    exceptions: list[str] = field(default_factory=list)  # shown by the last run
    shown: str = ""  # text and Markdown of the last run
    seen: str = ""  # every message of the last run, as text

    def open(self) -> None:
        """Run the page's script."""
        self._run(self._request())

    def press(self, label: str) -> None:
        """Press a button, whether it can be pressed or not."""
        ask = self._request()
        ask.rerun_script.widget_states.widgets.add(id=self.buttons[label], trigger_value=True)
        self._run(ask)

    def send_wrong_values(self) -> None:
        """Send a value of another type for every number field."""
        ask = self._request()
        for widget in self.numbers:
            ask.rerun_script.widget_states.widgets.add(id=widget, string_array_value={"data": ["x"]})
        self._run(ask)

    def _request(self) -> BackMsg:
        ask = BackMsg()
        ask.rerun_script.page_name = self.page
        ask.rerun_script.page_script_hash = self.page_hash
        ask.rerun_script.query_string = self.query
        return ask

    def _run(self, ask: BackMsg) -> None:
        self.buttons, self.numbers, self.exceptions, self.shown, self.seen = {}, [], [], "", ""
        self.socket.send(ask.SerializeToString())
        while True:
            content = self.socket.recv(timeout=SECONDS)
            assert isinstance(content, bytes), "Streamlit sends bytes."
            message = ForwardMsg()
            message.ParseFromString(content)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.session = message.new_session.initialize.session_id
            elif kind == "navigation":
                self.page_hash = message.navigation.page_script_hash
            elif kind == "auth_redirect":
                self.redirect = message.auth_redirect.url
            elif kind == "delta":
                self.seen += str(message.delta)
                self._note(message.delta.new_element)
            elif kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return

    def _note(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        if kind == "button":
            self.buttons[element.button.label] = element.button.id
        elif kind == "number_input":
            self.numbers.append(element.number_input.id)
        elif kind == "exception":
            self.exceptions.append(element.exception.message)
        elif kind in ("alert", "markdown", "text"):
            self.shown += f"{getattr(element, kind).body}\n"


@contextmanager
def enter(
    url: str,
    page: str,
    query: str = "",
    *,
    headers: dict[str, str] | None = None,
    cookies: Cookies | None = None,
    origin: str = "",
    token: str | None = None,
    session: str = "",
) -> Iterator[Intruder]:
    """A session at this page, whose script has run once.

    `token`: the token against forged requests, by default that of the cookies. `session`: the id of
    a session to take over. Raises ConnectionError where the server refuses the websocket.
    """
    cookies = cookies or {}
    token = cookies.get(XSRF_COOKIE, "") if token is None else token
    sent = {"Origin": origin or url, **(headers or {})}
    if cookies:
        sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    # Streamlit reads its name, the token and the session from the header of subprotocols.
    values = ["streamlit", token or "none", session][: 3 if session else 2 if token else 1]
    known, server = [Subprotocol(value) for value in values], urlsplit(url)
    address = f"ws://{sent.pop('Host', server.netloc)}/_stcore/stream"  # the library makes the header Host of it
    try:
        way = create_connection((server.hostname, server.port), timeout=SECONDS)
        socket = connect(
            address, sock=way, additional_headers=sent, subprotocols=known, max_size=None, open_timeout=SECONDS
        )
    except (InvalidStatus, InvalidHandshake) as error:
        raise ConnectionError(str(error)) from error
    with socket:
        intruder = Intruder(socket, page, query)
        intruder.open()
        yield intruder


def log_in(url: str, who: str) -> Cookies:
    """Log in as this person at the test provider -> the cookies that the server has set."""
    jar = CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    with browser.open(f"{url}/_stcore/health", timeout=SECONDS):
        pass
    with enter(url, "draw") as visitor:
        visitor.press("Log in")
        redirect = visitor.redirect
    with browser.open(urljoin(url, redirect), timeout=SECONDS) as choice:
        people = re.findall(r'href="([^"]+)">([^<]+)</a>', choice.read().decode())
        link = next(link for link, name in people if name == who)
        with browser.open(urljoin(choice.url, link), timeout=SECONDS):
            pass
    return {cookie.name: cookie.value or "" for cookie in jar}


def upload_status(url: str, session: str, size: int, *, token: bool) -> int:
    """The status of the answer to the upload of a file of this many bytes to a session.

    `token`: whether the token against forged requests is sent. The file itself is sent only where
    it is small: the server must refuse a large one by its length.
    """
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f.csv"\r\n\r\n' + b"1" * min(size, 1000)
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(max(size, len(body) + 9))}
    if token:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=SECONDS) as answer:
            cookies = [text for text in answer.headers.get_all("Set-Cookie") or () if text.startswith(XSRF_COOKIE)]
        headers["Cookie"] = cookies[0].partition(";")[0]
        headers["X-Xsrftoken"] = unquote(headers["Cookie"].partition("=")[2]).strip('"')
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=SECONDS)) as connection:
        connection.request("PUT", f"/_stcore/upload_file/{session}/1", body + b"\r\n--x--\r\n", headers)
        return connection.getresponse().status
