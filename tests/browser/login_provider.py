"""A minimal login provider (OpenID Connect) for tests. It accepts every name without a password."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

CLIENT = "digit-lab"
PEOPLE = {  # what the provider says of each
    "owner": {"sub": "1", "email": "owner@example.com", "email_verified": True},
    "visitor": {"sub": "2", "email": "visitor@example.com", "email_verified": True},
    "impostor": {"sub": "3", "email": "owner@example.com", "email_verified": False},
}


@contextmanager
def provide_login() -> Iterator[str]:
    """The address of the provider's description of itself."""
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    key = RSAKey.generate_key(2048, {"kid": "1", "alg": "RS256", "use": "sig"})
    nonces: dict[str, tuple[str, str]] = {}  # by code: who, and the nonce that was asked with

    class Provider(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address, asked = urlsplit(self.path), self.asked(urlsplit(self.path).query)
            if address.path == "/.well-known/openid-configuration":
                self.say(
                    {
                        "issuer": issuer,
                        "authorization_endpoint": f"{issuer}/authorize",
                        "token_endpoint": f"{issuer}/token",
                        "jwks_uri": f"{issuer}/keys",
                        "response_types_supported": ["code"],
                        "subject_types_supported": ["public"],
                        "id_token_signing_alg_values_supported": ["RS256"],
                    }
                )
            elif address.path == "/keys":
                self.say({"keys": [key.as_dict(private=False)]})
            elif address.path == "/authorize":
                links = "".join(f'<p><a href="/chosen?{address.query}&who={quote(who)}">{who}</a>' for who in PEOPLE)
                self.say(f"<title>Who are you?</title>{links}")
            elif address.path == "/chosen":
                code = hashlib.sha256(f"{time.time()}{asked['who']}".encode()).hexdigest()
                nonces[code] = asked["who"], asked.get("nonce", "")
                self.send_response(302)
                back = urlencode({"code": code, "state": asked["state"]})
                self.send_header("Location", f"{asked['redirect_uri']}?{back}")
                self.end_headers()
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            asked = self.asked(self.rfile.read(int(self.headers["Content-Length"])).decode())
            who, nonce = nonces.pop(asked["code"])
            now = int(time.time())
            claims = {"iss": issuer, "aud": CLIENT, "iat": now, "exp": now + 600, "nonce": nonce, **PEOPLE[who]}
            token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, key)
            self.say({"access_token": "none", "token_type": "Bearer", "expires_in": 600, "id_token": token})

        @staticmethod
        def asked(query: str) -> dict[str, str]:
            return {name: values[0] for name, values in parse_qs(query).items()}

        def say(self, what: Any) -> None:
            body = (what if isinstance(what, str) else json.dumps(what)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if isinstance(what, str) else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{issuer}/.well-known/openid-configuration"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def secrets_toml(description: str, lines: str) -> str:
    """The secrets of a deployment with this provider; `lines` are those of [digit_lab]."""
    secret = base64.b64encode(hashlib.sha256(description.encode()).digest()).decode()
    return f"""
[auth]
redirect_uri = "http://127.0.0.1:{{port}}/oauth2callback"
cookie_secret = "{secret}"
client_id = "{CLIENT}"
client_secret = "{secret}"
server_metadata_url = "{description}"

[digit_lab]
{lines}
"""
