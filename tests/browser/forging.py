"""A client of the server's websocket that presses buttons which the page has disabled."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

SECONDS = 120  # on a loaded machine


@dataclass
class Forger:
    """A session of its own at a page of the server."""

    socket: ClientConnection
    page: str
    query: str = ""
    url: str = ""
    session: str = ""
    page_hash: str = ""
    buttons: dict[str, Any] = field(default_factory=dict)  # those shown last, by their label
    components: dict[str, str] = field(default_factory=dict)  # ids of those shown last, by name
    uploaders: list[str] = field(default_factory=list)  # ids of those shown last
    texts: list[str] = field(default_factory=list)

    def run(self, **trigger: str) -> None:
        """Ask for a run of the page's script, with these buttons pressed, and read all that it
        draws.
        """
        ask = self._request()
        for pressed in trigger.values():
            ask.rerun_script.widget_states.widgets.add(id=pressed, trigger_value=True)
        self._send(ask)

    def send_value(self, component: str, value: Any) -> None:
        """Run the page's script as if this component had sent a value of any type."""
        ask = self._request()
        ask.rerun_script.widget_states.widgets.add(id=self.components[component], json_value=json.dumps(value))
        self._send(ask)

    def send_json(self, component: str, text: str) -> None:
        """Run the page's script as if this component had sent this text as its value."""
        ask = self._request()
        ask.rerun_script.widget_states.widgets.add(id=self.components[component], json_value=text)
        self._send(ask)

    def upload(self, name: str, content: bytes) -> None:
        """Send a file to the page's first upload box, and run its script."""
        ask = BackMsg()
        ask.file_urls_request.request_id = "1"
        ask.file_urls_request.file_names.append(name)
        ask.file_urls_request.session_id = self.session
        self.socket.send(ask.SerializeToString())
        answer = ForwardMsg()
        while answer.WhichOneof("type") != "file_urls_response":
            answer.ParseFromString(self.socket.recv(timeout=SECONDS))
        place = answer.file_urls_response.file_urls[0]
        part = f'--x\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'.encode()
        body = part + content + b"\r\n--x--\r\n"
        request = Request(self.url + place.upload_url, body, method="PUT")
        request.add_header("Content-Type", "multipart/form-data; boundary=x")
        with urlopen(f"{self.url}/_stcore/health", timeout=SECONDS) as answered:
            cookie = next(text for text in answered.headers.get_all("Set-Cookie") if "xsrf" in text).partition(";")[0]
        request.add_header("Cookie", cookie)
        request.add_header("X-Xsrftoken", cookie.partition("=")[2].strip('"'))
        with urlopen(request, timeout=SECONDS):
            pass
        ask = self._request()
        state = ask.rerun_script.widget_states.widgets.add(id=self.uploaders[0]).file_uploader_state_value
        state.uploaded_file_info.add(file_id=place.file_id, name=name, size=len(content), file_urls=place)
        self._send(ask)

    def _request(self) -> BackMsg:
        ask = BackMsg()
        ask.rerun_script.page_name = self.page
        ask.rerun_script.page_script_hash = self.page_hash
        ask.rerun_script.query_string = self.query
        return ask

    def _send(self, ask: BackMsg) -> None:
        self.socket.send(ask.SerializeToString())
        self.buttons, self.components, self.uploaders, self.texts = {}, {}, [], []
        while True:
            said = ForwardMsg()
            said.ParseFromString(self.socket.recv(timeout=SECONDS))
            kind = said.WhichOneof("type")
            if kind == "new_session":
                self.session = said.new_session.initialize.session_id
            elif kind == "navigation":
                self.page_hash = said.navigation.page_script_hash
            elif kind == "delta" and said.delta.WhichOneof("type") == "new_element":
                self.keep(said.delta.new_element)
            elif kind == "script_finished" and not said.script_finished:  # 0: successfully
                return

    def keep(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        if kind == "button":
            self.buttons[element.button.label] = element.button
        elif kind == "bidi_component":
            self.components[element.bidi_component.component_name] = element.bidi_component.id
        elif kind == "file_uploader":
            self.uploaders.append(element.file_uploader.id)
        elif kind == "exception":
            self.texts.append(element.exception.message)
        elif kind == "alert":
            self.texts.append(element.alert.body)
        elif kind == "markdown":
            self.texts.append(element.markdown.body)

    def press(self, label: str) -> None:
        """As if the button could be pressed, whether it can or not."""
        self.run(button=self.buttons[label].id)


@contextmanager
def forge(url: str, page: str, query: str = "") -> Iterator[Forger]:
    address = f"ws://{urlsplit(url).netloc}/_stcore/stream"
    with connect(address, origin=Origin(url), max_size=None, subprotocols=[Subprotocol("streamlit")]) as socket:
        forger = Forger(socket, page, query, url)
        forger.run()
        yield forger
