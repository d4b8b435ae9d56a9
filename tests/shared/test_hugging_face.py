"""Models of a hub: a real client against a real HTTP server on loopback that speaks the hub's few endpoints."""

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import umi_shared.hugging_face
from umi_shared.errors import ModelError
from umi_shared.hugging_face import choose_file, fetch, find
from umi_shared.models import ModelStore

REVISION = "0123456789abcdef0123456789abcdef01234567"
GGUF = b"GGUF" + bytes(range(256)) * 4000


@dataclass
class Hub:
    """What the server has, and how it misbehaves."""

    endpoint: str = ""
    files: dict[str, bytes] = field(default_factory=lambda: {"model-Q4_K_M.gguf": GGUF, "README.md": b"# m"})
    sha256: dict[str, str] = field(default_factory=dict)
    """Hashes that the hub claims, where they are not the real ones."""
    refusal: tuple[int, str] = (0, "")
    """The status and the `X-Error-Code` of every answer."""
    sent_bytes: int = 1 << 40
    """After this many of a file's bytes the connection drops, each time."""
    size: int = 0
    """The size that the hub claims for every file."""
    requests: list[str] = field(default_factory=list)

    def siblings(self) -> list[dict[str, object]]:
        return [
            {
                "rfilename": name,
                "size": self.size or len(content),
                "lfs": {
                    "sha256": self.sha256.get(name, hashlib.sha256(content).hexdigest()),
                    "size": self.size or len(content),
                    "pointerSize": 134,
                },
            }
            for name, content in self.files.items()
        ]


def handler_of(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            hub.requests.append(f"{self.command} {self.path}")
            status, code = hub.refusal
            path = self.path.partition("?")[0]
            if status:
                self.reply(status, b"{}", {"X-Error-Code": code, "X-Error-Message": "a long text"}, body)
            elif path.startswith("/api/models/owner/repo"):
                info = {
                    "id": "owner/repo",
                    "sha": REVISION,
                    "siblings": hub.siblings(),
                    "tags": ["gguf", "license:apache-2.0"],
                    "cardData": {"license": "apache-2.0"},
                }
                self.reply(200, json.dumps(info).encode(), {"Content-Type": "application/json"}, body)
            elif path.startswith(f"/owner/repo/resolve/{REVISION}/"):
                self.file(hub.files[path.rpartition("/")[2]], body)
            else:
                self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body)

        def file(self, content: bytes, body: bool) -> None:
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
            headers = {
                "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
                "X-Repo-Commit": REVISION,
                "Accept-Ranges": "bytes",
            }
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.reply(206 if start else 200, content[start:], headers, body)

        def reply(self, status: int, content: bytes, headers: dict[str, str], body: bool) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content[: hub.sent_bytes])
                if len(content) > hub.sent_bytes:
                    self.close_connection = True

    return Handler


@pytest.fixture
def hub(monkeypatch) -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(hub))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)  # between its own retries
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def store(hub, tmp_path, monkeypatch) -> ModelStore:
    """A store whose hub is the one on loopback."""
    real = umi_shared.hugging_face.fetch
    monkeypatch.setattr(
        umi_shared.hugging_face,
        "fetch",
        lambda name, folder, progress: real(name, folder, progress, endpoint=hub.endpoint),
    )
    return ModelStore(tmp_path / "models")


SPEC = "hf:owner/repo:Q4_K_M"


def left_in(store: ModelStore) -> list[str]:
    return sorted(path.name for path in store.folder.rglob("*") if path.is_file())


def test_a_model_is_fetched_checked_and_recorded(store, hub):
    seen: list[tuple[int, int]] = []
    path = store.pull(SPEC, lambda done, size: seen.append((done, size)))
    assert path.read_bytes() == GGUF
    assert seen[-1] == (len(GGUF), len(GGUF))
    (record,) = store.records()
    assert (record.source, record.licence, record.size_bytes) == (SPEC, "apache-2.0", len(GGUF))
    assert record.sha256 == hashlib.sha256(GGUF).hexdigest()
    store.verify(record)
    assert left_in(store) == ["model-Q4_K_M.gguf", f"model-Q4_K_M.gguf.{digest8(SPEC)}.json"]


def digest8(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def test_a_model_that_is_here_is_not_fetched_again(store, hub):
    store.pull(SPEC)
    hub.requests.clear()
    assert store.pull(SPEC) == store.path_of(SPEC)
    assert hub.requests == []


def test_two_names_of_one_model_are_both_known(store):
    store.pull(SPEC)
    store.pull("hf:owner/repo:model-Q4_K_M.gguf")
    assert {record.source for record in store.records()} == {SPEC, "hf:owner/repo:model-Q4_K_M.gguf"}
    assert store.path_of(SPEC) == store.path_of("hf:owner/repo:model-Q4_K_M.gguf")


def test_what_the_hub_offers_is_shown_without_fetching_it(hub):
    offer = find("owner/repo:Q4_K_M", endpoint=hub.endpoint)
    assert (offer.file, offer.size_bytes, offer.licence) == ("model-Q4_K_M.gguf", len(GGUF), "apache-2.0")
    assert offer.sha256 == hashlib.sha256(GGUF).hexdigest()
    assert all("/api/" in request for request in hub.requests)


def test_a_file_that_is_not_what_the_hub_names_is_not_kept(store, hub):
    hub.sha256["model-Q4_K_M.gguf"] = "0" * 64
    with pytest.raises(ModelError, match="not the file that the hub names") as caught:
        store.pull(SPEC)
    assert "try again" in caught.value.fix
    assert left_in(store) == []


def test_a_file_that_is_no_gguf_is_not_kept(store, hub):
    hub.files["model-Q4_K_M.gguf"] = b"<html>not found</html>"
    with pytest.raises(ModelError, match="is not a GGUF file"):
        store.pull(SPEC)
    assert left_in(store) == []


def test_a_torn_download_goes_on_where_it_stopped(store, hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1 << 16)  # less than what arrives
    hub.sent_bytes = 300_000
    assert store.pull(SPEC).read_bytes() == GGUF
    assert sum(request.startswith("GET /owner") for request in hub.requests) > 2


def test_a_download_that_never_ends_whole_leaves_nothing(store, hub):
    hub.sent_bytes = 0
    with pytest.raises(ModelError, match="owner/repo cannot be fetched") as caught:
        store.pull(SPEC)
    assert "network" in caught.value.fix
    assert left_in(store) == []


@pytest.mark.parametrize(
    ("status", "code", "said", "fix"),
    [
        (403, "GatedRepo", "gated", "hf auth login"),
        (401, "RepoNotFound", "has no repository", "check the name"),
        (404, "RepoNotFound", "has no repository", "check the name"),
        (500, "", r"failed to answer for owner/repo \(500\)", "later"),
    ],
)
def test_a_refusal_of_the_hub_is_said_in_plain_words(store, hub, status, code, said, fix):
    hub.refusal = (status, code)
    with pytest.raises(ModelError, match=said) as caught:
        store.pull(SPEC)
    assert fix in caught.value.fix
    assert "http" not in str(caught.value)
    assert left_in(store) == []


def test_a_hub_that_cannot_be_reached_is_one_clear_error(tmp_path):
    with pytest.raises(ModelError, match="owner/repo cannot be fetched: ConnectError") as caught:
        fetch("owner/repo:Q4_K_M", tmp_path, endpoint="http://127.0.0.1:9")
    assert "check the network" in caught.value.fix
    assert "name its path" in caught.value.fix


def test_a_disk_without_room_is_said_before_anything_is_fetched(store, hub):
    hub.size = shutil.disk_usage(store.folder.parent).free
    with pytest.raises(ModelError, match="GB left, and the model needs"):
        store.pull(SPEC)
    assert not [request for request in hub.requests if "/resolve/" in request]
    assert left_in(store) == []


def test_a_disk_that_fills_meanwhile_leaves_nothing(store, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    with pytest.raises(ModelError, match="No space left on device") as caught:
        store.pull(SPEC)
    assert "make room" in caught.value.fix
    assert left_in(store) == []


def test_a_split_model_is_refused_with_what_there_is_in_one_piece(store, hub):
    hub.files = {
        "m-Q8_0-00001-of-00002.gguf": GGUF,
        "m-Q8_0-00002-of-00002.gguf": GGUF,
        "m-Q4_0.gguf": GGUF,
    }
    with pytest.raises(ModelError, match="Q8_0 is split over several files") as caught:
        store.pull("hf:owner/repo:Q8_0")
    assert caught.value.fix == "there are: m-Q4_0.gguf"


@pytest.mark.parametrize(
    ("files", "quantization", "chosen"),
    [
        (["a.Q4_K_M.gguf", "a.Q4_K_S.gguf"], "q4_k_m", "a.Q4_K_M.gguf"),
        (["a-IQ4_XS.gguf", "a-Q4_XS.gguf"], "Q4_XS", "a-Q4_XS.gguf"),
        (["Q8_0.gguf", "b/Q4_0.gguf"], "Q4_0", "b/Q4_0.gguf"),
        (["a-Q8_0.gguf", "mmproj-a-Q8_0.gguf"], "Q8_0", "a-Q8_0.gguf"),
        (["a-f16.gguf", "b-f16.gguf"], "b-f16.gguf", "b-f16.gguf"),
    ],
)
def test_the_file_of_a_quantization_is_found(files, quantization, chosen):
    assert choose_file(files, quantization) == chosen


@pytest.mark.parametrize(
    ("files", "quantization", "said", "fix"),
    [
        (["a-Q4_0.gguf", "b-Q4_0.gguf"], "Q4_0", "several GGUFs", "whole name"),
        (["a-Q4_0.gguf"], "Q8_0", "no GGUF is called", "there are: a-Q4_0.gguf"),
        (["model.safetensors"], "Q4_0", "no GGUF is called", "no GGUF files"),
        (["a-Q4_0.gguf"], ".*", "no GGUF is called", "there are"),
    ],
)
def test_no_file_or_too_many_are_named(files, quantization, said, fix):
    with pytest.raises(ModelError, match=said) as caught:
        choose_file(files, quantization)
    assert fix in caught.value.fix


def test_the_real_hub_is_what_is_asked_by_default(tmp_path, monkeypatch):
    asked: list[str] = []

    def refuse(_self: object, repository: str, **_: object) -> None:
        asked.append(repository)
        raise ConnectionError("not from here")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", refuse)
    with pytest.raises(ModelError, match="owner/repo cannot be fetched: ConnectionError"):
        fetch("owner/repo:Q4_K_M", Path(tmp_path))
    assert asked == ["owner/repo"]
