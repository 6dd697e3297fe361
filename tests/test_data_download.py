"""`nlp data get` against a local server: complete, resumed, broken off, damaged, missing, with a full disk."""

import gzip
import io
import tarfile
import threading
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from nlp.datasets.files import read_content, sha256
from nlp.datasets.named import download
from nlp.datasets.named.catalog import DATASETS, Archive, NamedDataset, Source
from nlp.datasets.named.download import get_dataset
from nlp.datasets.named.published_formats import newsgroups_from_archive
from nlp.errors import DataError

CONTENT = bytes(range(256)) * 1_000


@dataclass
class Server:
    """What the server answers, and what it was asked."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    breaks_after: int | None = None
    knows_ranges: bool = True
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch):
    """Files by path; `breaks_after` promises all bytes and closes the connection after that many."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content, asked = state.files.get(self.path), self.headers["Range"]
            state.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and state.knows_ranges else 0
            if content is None or (start and start >= len(content)):
                self.send_error(404 if content is None else 416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start:][: state.breaks_after])

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_port}"
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("NLP_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "small"


def dataset(server: Server, *sources: tuple[str, bytes], served: dict[str, bytes] | None = None) -> NamedDataset:
    """A dataset of these files, which the server has too, or has as `served`."""
    server.files = {f"/{path}": (served or {}).get(path, content) for path, content in sources}
    files = tuple(Source(path, f"{server.url}/{path}", f"sha256:{sha256(content)}") for path, content in sources)
    return replace(DATASETS["sst2"], name="small", files={"train": files})


def quiet(file: str, done: int, total: int | None) -> None:
    """No progress."""


def parts(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.part"))


def test_all_files_are_fetched_once(server, folder):
    named, reported = dataset(server, ("a", b"first"), ("deep/b", CONTENT)), []
    written = get_dataset(named, False, lambda *each: reported.append(each))
    assert written == [folder / "a", folder / "deep" / "b"]
    assert [path.read_bytes() for path in written] == [b"first", CONTENT]
    assert reported[0] == ("a", 5, 5)
    assert reported[-1] == ("deep/b", len(CONTENT), len(CONTENT))
    assert parts(folder) == []
    assert get_dataset(named, False, quiet) == []
    assert len(server.ranges) == 2
    assert get_dataset(named, True, quiet) == written
    assert len(server.ranges) == 4


def test_only_what_is_missing_is_fetched(server, folder):
    named = dataset(server, ("a", b"first"), ("b", b"second"))
    folder.mkdir(parents=True)
    (folder / "a.gz").write_bytes(gzip.compress(b"first"))
    assert get_dataset(named, False, quiet) == [folder / "b"]


def test_half_a_download_is_reported_and_continues(server, folder):
    named = dataset(server, ("a", CONTENT))
    server.breaks_after = 100_000
    with pytest.raises(DataError, match=r"was interrupted after 100,000 of 256,000 bytes\. They are kept"):
        get_dataset(named, False, quiet)
    assert (folder / "a.part").read_bytes() == CONTENT[:100_000]
    assert not (folder / "a").exists()
    with pytest.raises(DataError, match="was interrupted after 200,000 of 256,000"):
        get_dataset(named, False, quiet)
    server.breaks_after, reported = None, []
    get_dataset(named, False, lambda *each: reported.append(each))
    assert server.ranges == [None, "bytes=100000-", "bytes=200000-"]
    assert reported[0][1] > 200_000
    assert (folder / "a").read_bytes() == CONTENT
    assert parts(folder) == []


def test_a_server_that_cannot_go_on_sends_all_again(server, folder):
    named = dataset(server, ("a", CONTENT))
    folder.mkdir(parents=True)
    (folder / "a.part").write_bytes(CONTENT[:1_000])
    server.knows_ranges = False
    get_dataset(named, False, quiet)
    assert (folder / "a").read_bytes() == CONTENT


@pytest.mark.parametrize("left_over", [CONTENT, CONTENT + b"more"])
def test_a_part_that_is_already_complete_or_too_long_is_fetched_again(server, folder, left_over):
    named = dataset(server, ("a", CONTENT))
    folder.mkdir(parents=True)
    (folder / "a.part").write_bytes(left_over)
    get_dataset(named, False, quiet)
    assert (folder / "a").read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(left_over)}-", None]


def test_a_wrong_checksum_deletes_what_came(server, folder):
    named = dataset(server, ("a", CONTENT), served={"a": CONTENT[:-1] + b"!"})
    with pytest.raises(DataError, match=r"\(256,000 bytes\) does not have the checksum sha256:\w+, so it was deleted"):
        get_dataset(named, False, quiet)
    assert list(folder.iterdir()) == []


def test_a_stale_half_is_thrown_away_by_the_checksum_and_by_force(server, folder):
    named = dataset(server, ("a", CONTENT))
    folder.mkdir(parents=True)
    (folder / "a.part").write_bytes(b"of another file")
    with pytest.raises(DataError, match="does not have the checksum"):
        get_dataset(named, False, quiet)
    get_dataset(named, False, quiet)
    (folder / "a.part").write_bytes(b"of another file")
    get_dataset(named, True, quiet)
    assert (folder / "a").read_bytes() == CONTENT


def test_a_changed_file_is_only_replaced_by_force(server, folder):
    named = dataset(server, ("a", CONTENT))
    folder.mkdir(parents=True)
    (folder / "a").write_bytes(b"my own version")
    with pytest.raises(DataError, match="exists, but is not the published file"):
        get_dataset(named, False, quiet)
    get_dataset(named, True, quiet)
    assert (folder / "a").read_bytes() == CONTENT


def test_a_file_that_the_server_has_packed_stays_packed(server, folder):
    named = dataset(server, ("a", CONTENT), served={"a": gzip.compress(CONTENT)})
    assert get_dataset(named, False, quiet) == [folder / "a.gz"]
    assert read_content(folder / "a.gz") == CONTENT
    damaged = dataset(server, ("a", CONTENT), served={"a": gzip.compress(CONTENT)[:-5]})
    with pytest.raises(DataError, match="does not have the checksum"):
        get_dataset(damaged, True, quiet)


def test_an_address_without_a_file_is_reported(server, folder):
    named = dataset(server, ("a", CONTENT))
    server.files = {}
    with pytest.raises(DataError, match=r"/a returned 404 \(Not Found\)"):
        get_dataset(named, False, quiet)


def test_no_network_is_reported(server, folder):
    named = replace(DATASETS["sst2"], name="small", files={"train": (Source("a", "http://127.0.0.1:9/a", "sha256:0"),)})
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:9/a cannot be fetched: .*refused.*Check the network"):
        get_dataset(named, False, quiet)


def test_a_server_that_falls_silent_is_reported(server, folder, monkeypatch):
    monkeypatch.setattr(download, "_TIMEOUT", 0.05)
    monkeypatch.setattr(BaseHTTPRequestHandler, "send_error", lambda self, code: threading.Event().wait(0.3))
    named = dataset(server, ("a", CONTENT))
    server.files = {}
    with pytest.raises(DataError, match="cannot be fetched: timed out"):
        get_dataset(named, False, quiet)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_reported(server, folder):
    named = dataset(server, ("a", CONTENT))
    folder.mkdir(parents=True)
    (folder / "a.part").symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"a\.part cannot be written: No space left on device\. Free some space"):
        get_dataset(named, False, quiet)


def test_a_folder_that_cannot_be_made_is_reported(server, folder):
    named = dataset(server, ("a", CONTENT))
    folder.parent.parent.mkdir(exist_ok=True)
    folder.parent.write_text("a file in the way", encoding="utf-8")
    with pytest.raises(DataError, match=r"cannot be written: .*set NLP_DATA to another folder"):
        get_dataset(named, False, quiet)


def archive(messages: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as files:
        for name, content in messages.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            files.addfile(member, io.BytesIO(content))
    return written.getvalue()


MESSAGES = {
    "20news-bydate-train/sci.space/2": b"second",
    "20news-bydate-train/sci.space/10": b"caf\xe9 \"quoted\"\n",
    "20news-bydate-train/alt.atheism/7": b"first",
    "20news-bydate-test/sci.space/11": b"tested",
    "20news-bydate-test/notes.txt": b"no message",
}
MADE = {
    "train.jsonl": '{"text": "first", "label": "alt.atheism"}\n'
                   '{"text": "café \\"quoted\\"\\n", "label": "sci.space"}\n{"text": "second", "label": "sci.space"}\n',
    "test.jsonl": '{"text": "tested", "label": "sci.space"}\n',
}


def packed_dataset(server: Server, made: dict[str, str]) -> NamedDataset:
    packed = archive(MESSAGES)
    server.files = {"/news.tar.gz": packed}
    files = {name.removesuffix(".jsonl"): (Source(name, None, f"sha256:{sha256(text.encode())}"),) for name, text in made.items()}
    source = Source("news.tar.gz", f"{server.url}/news.tar.gz", f"sha256:{sha256(packed)}")
    return replace(DATASETS["20newsgroups"], name="small", files=files, archive=Archive(source, newsgroups_from_archive))


def test_an_archive_becomes_files_and_goes(server, folder):
    assert newsgroups_from_archive(archive(MESSAGES)) == {name: text.encode() for name, text in MADE.items()}
    written = get_dataset(packed_dataset(server, MADE), False, quiet)
    assert {path.name: path.read_text(encoding="utf-8") for path in written} == MADE
    assert sorted(path.name for path in folder.iterdir()) == ["test.jsonl", "train.jsonl"]


def test_an_archive_that_makes_other_files_is_refused(server, folder):
    with pytest.raises(DataError, match=r"test\.jsonl, created from the archive of small, does not have the checksum"):
        get_dataset(packed_dataset(server, MADE | {"test.jsonl": "other"}), False, quiet)
    assert not (folder / "train.jsonl").exists()


def test_an_embedded_dataset_needs_nothing():
    assert get_dataset(DATASETS["names"], True, quiet) == []
