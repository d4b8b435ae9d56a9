"""The user's key: given for a code once, and sent to nobody who has not proved to have it."""

import httpx
import pytest

from umi_edge.doors.proved_client import ProvedFirst, StrangerError
from umi_edge.doors.user_key import PROOF_HEADER, PROOF_PATH, UserKey


def test_it_is_another_each_time_and_not_in_a_repr() -> None:
    key = UserKey()
    assert key.text != UserKey().text
    code = key.code()
    for secret in (key.text, code):
        assert secret not in repr(key)


def test_a_code_is_good_once_and_for_a_minute() -> None:
    now = [0.0]
    key = UserKey(clock=lambda: now[0])
    first, second, third = (key.code() for _ in range(3))
    assert [key.is_exchanged(first) for _ in range(2)] == [True, False]
    now[0] = 59.0
    assert key.is_exchanged(second)
    now[0] = 60.0
    assert not key.is_exchanged(third)
    assert not key.is_exchanged("")


def test_the_newest_codes_are_kept() -> None:
    key = UserKey()
    codes = [key.code() for _ in range(20)]
    assert [key.is_exchanged(code) for code in (codes[0], codes[-1])] == [False, True]


@pytest.mark.parametrize("nonce", ["", "0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n", '{"policy": null}'])
def test_what_is_no_nonce_gets_no_proof(nonce: str) -> None:
    with pytest.raises(ValueError, match="64"):
        UserKey().proof(nonce)


@pytest.mark.parametrize("status", [200, 401, 404])
@pytest.mark.parametrize("proof", ["", "0" * 64, "\xe9"])
def test_a_stranger_gets_neither_the_key_nor_the_request(status: int, proof: str) -> None:
    seen: list[httpx.Request] = []

    def stranger(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, headers=[(PROOF_HEADER.encode(), proof.encode("latin-1"))])

    with (
        httpx.Client(transport=httpx.MockTransport(stranger), auth=ProvedFirst("k" * 43)) as client,
        pytest.raises(StrangerError),
    ):
        client.post("http://127.0.0.1:1/daemon/visits", json={"instruction": "a secret"})
    (request,) = seen
    assert request.url.path == PROOF_PATH
    assert "authorization" not in request.headers
    assert request.content == b""


def test_the_daemon_gets_both() -> None:
    key = UserKey()

    def daemon(request: httpx.Request) -> httpx.Response:
        if request.url.path == PROOF_PATH:
            return httpx.Response(200, headers={PROOF_HEADER: key.proof(request.url.params["nonce"])})
        return httpx.Response(200, json=[request.headers["authorization"], request.content.decode()])

    with httpx.Client(transport=httpx.MockTransport(daemon), auth=ProvedFirst(key.text)) as client:
        said = client.post("http://127.0.0.1:1/daemon/visits", content="all of it").json()
    assert said == [f"Bearer {key.text}", "all of it"]
