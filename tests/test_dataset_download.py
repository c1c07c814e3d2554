"""Downloads: mirrors in order, nothing accepted unchecked, and one helpful sentence without a
network.
"""

import gzip
import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dataset
from dataset import DataError, download, load_digits
from dataset.download import ORIGINS, PARTS
from tests.digit_files import images_of, write_small_mnist


class Mirror:
    """A web server on this computer that serves a folder and remembers what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        mirror = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments: object) -> None:
                super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

            def log_message(self, *_: object) -> None:
                mirror.asked.append(self.path)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


class Bar:
    """What a progress bar is told."""

    def __init__(self) -> None:
        self.total, self.received, self.closed = 0, 0, 0

    def update(self, received: int) -> None:
        self.received += received

    def reset(self) -> None:
        self.received = 0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def mirrors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Mirror]]:
    """Two mirrors; both serve a small MNIST whose digests are the expected ones."""
    servers = []
    for name in ("first", "second"):
        folder = write_small_mnist(tmp_path / name, ending=".gz")
        servers.append(Mirror(folder))
    folder = tmp_path / "first"
    packed = {part: (folder / f"{part}.gz").read_bytes() for part in PARTS}
    sha256 = {part: hashlib.sha256(gzip.decompress(content)).hexdigest() for part, content in packed.items()}
    md5 = {part: hashlib.md5(content).hexdigest() for part, content in packed.items()}
    urls = tuple(server.url for server in servers)
    monkeypatch.setitem(ORIGINS, "mnist", replace(ORIGINS["mnist"], mirrors=urls, sha256=sha256))
    monkeypatch.setitem(ORIGINS, "fashion-mnist", replace(ORIGINS["fashion-mnist"], mirrors=urls, md5=md5))
    yield servers
    for server in servers:
        server.server.shutdown()
        server.server.server_close()


def test_mnist_that_is_not_there_is_downloaded_when_it_is_loaded(mirrors: list[Mirror]) -> None:
    assert not dataset.available("mnist")
    np.testing.assert_array_equal(load_digits("mnist", "test").images, images_of(10, seed=1))
    assert dataset.available("mnist")
    assert len(mirrors[0].asked) == 4
    load_digits("mnist")
    assert len(mirrors[0].asked) == 4
    assert not mirrors[1].asked


def test_a_second_mirror_takes_over_where_the_first_lacks_a_file(mirrors: list[Mirror], tmp_path: Path) -> None:
    (tmp_path / "first" / f"{PARTS[1]}.gz").unlink()
    folder = download("mnist")
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".lock") == sorted(PARTS)
    assert mirrors[1].asked == [f"/{PARTS[1]}.gz"]


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_a_file_that_is_not_the_original_is_not_accepted(mirrors: list[Mirror], tmp_path: Path, name: str) -> None:
    write_small_mnist(tmp_path / "first", seed=9, ending=".gz")
    assert mirrors
    np.testing.assert_array_equal(load_digits(name, "test").images, images_of(10, seed=1))
    write_small_mnist(tmp_path / "second", seed=9, ending=".gz")
    (dataset.cache_folder() / name / PARTS[2]).unlink()
    with pytest.raises(DataError, match="its file is not the original one"):
        load_digits(name, "test")
    assert not (dataset.cache_folder() / name / PARTS[2]).exists()


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_a_damaged_file_in_the_cache_is_fetched_again(mirrors: list[Mirror], name: str) -> None:
    path = download(name) / PARTS[2]
    good = path.read_bytes()
    path.write_bytes(good[:-5])
    np.testing.assert_array_equal(load_digits(name, "test").images, images_of(10, seed=1))
    assert path.read_bytes() == good
    assert len(mirrors[0].asked) == 5


def test_a_downloaded_file_whose_pixels_changed_is_fetched_again(mirrors: list[Mirror]) -> None:
    path = download("mnist") / PARTS[2]
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 255]))
    np.testing.assert_array_equal(load_digits("mnist", "test").images, images_of(10, seed=1))
    assert path.read_bytes() == good
    assert len(mirrors[0].asked) == 5


@pytest.mark.usefixtures("mirrors")
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_downloaded_digits_know_their_source_and_classes(name: str) -> None:
    for _ in ("downloaded", "from the cache"):
        digits = load_digits(name, "test")
        assert (digits.source, digits.classes) == (name, dataset.class_names(name))


def test_a_progress_bar_is_updated(mirrors: list[Mirror], tmp_path: Path) -> None:
    bar = Bar()
    download("mnist", progressbar=bar)
    assert mirrors
    assert bar.closed == 4
    assert bar.total == (tmp_path / "first" / f"{PARTS[3]}.gz").stat().st_size


def test_progress_is_shown_on_a_terminal(mirrors: list[Mirror], capsys: pytest.CaptureFixture[str]) -> None:
    assert mirrors
    download("mnist", progressbar=True)
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err.count("100%") == 4


def test_without_a_network_one_sentence_offers_mnist_5k(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:  # a port on which nobody answers
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    monkeypatch.setitem(ORIGINS, "mnist", replace(ORIGINS["mnist"], mirrors=(url, url)))
    with pytest.raises(DataError, match=r"mnist is not on this computer .* Use mnist-5k") as error:
        load_digits("mnist")
    assert "\n" not in str(error.value)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    with pytest.raises(DataError, match="cannot be written: Not a directory"):
        download("mnist")


def test_what_has_no_mirror_cannot_be_downloaded() -> None:
    with pytest.raises(DataError, match=r"'mnist-5k' cannot be downloaded\. Choose one of: mnist, fashion-mnist"):
        download("mnist-5k")


def test_the_reference_files_are_the_originals(reference_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digests are those of the real files."""
    folder = dataset.cache_folder() / "mnist"
    folder.mkdir(parents=True)
    for part in PARTS:
        (folder / part).write_bytes(gzip.decompress((reference_data / "mnist" / f"{part}.gz").read_bytes()))
    monkeypatch.setattr("dataset.sources.download", lambda *_, **__: pytest.fail("not accepted"))
    assert len(load_digits("mnist", "all")) == 70_000
