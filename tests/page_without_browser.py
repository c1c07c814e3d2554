"""A page without a browser: Streamlit's AppTest runs its script and records its elements."""

from functools import cache

from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

# for each page anew it would read about every installed package, which takes longer than the page
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


def show(name: str) -> None:
    """The script: what app.py does for the page that is open, without the frame."""
    from importlib import import_module

    from dashboard.session import state

    state.sync_url("model", "run")
    import_module(f"dashboard.{name}.page").render()


def open_page(name: str, **address: str) -> AppTest:
    """The page as it is after its first run, at an address with these parameters."""
    app = AppTest.from_function(show, default_timeout=60, args=(name,))
    for parameter, value in address.items():
        app.query_params[parameter] = value
    return run(app)


def run(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception
    return app
