"""A replica without Ray around it: what its Envoy brings is answered, and whoever else reaches it is a stranger."""

import hashlib
import json
from datetime import timedelta
from urllib.parse import quote_from_bytes

import grpc

from tests.cloud.auth.conftest import csr
from umi_cloud.auth.authority import Authority
from umi_cloud.auth.registry_at import registry_at
from umi_cloud.ray_serve.hosted_application import HostedFront
from umi_proto.v1 import agent_pb2 as pb

KEY = "k" * 40
CALLER = "To find the address of <person:1>, use contacts.search. Next: caller."


class Context:
    """What Serve gives."""

    def __init__(self, *metadata: tuple[str, str]) -> None:
        self.metadata = [*metadata, ("umi-session", "17")]
        self.code: grpc.StatusCode | None = None

    def invocation_metadata(self):
        return self.metadata

    def peer(self):
        return "ipv4:10.0.0.1:1"

    def set_code(self, code):
        self.code = code

    def set_details(self, details):
        pass

    def set_trailing_metadata(self, metadata):
        pass


async def pieces(front: HostedFront, request: pb.PlanRequest, context: Context) -> list[pb.PlanEvent]:
    answer = front.Plan(request.SerializeToString(), context)
    return [pb.PlanEvent.FromString(piece.message) async for piece in answer]


async def test_a_laptop_that_the_envoy_names_has_its_plan_and_nobody_else(tmp_path, plan_request):
    state = tmp_path / "state"
    authority = Authority.init(state)
    digest = hashlib.sha256(b"token").digest()
    async with registry_at(state) as registry:
        await registry.add_token("a", digest, timedelta(hours=1))
        made = await registry.redeem(digest, lambda name: authority.sign_device(csr(), name))
    (tmp_path / "key").write_text(KEY)
    config = tmp_path / "cloud.yaml"
    config.write_text(json.dumps({"state": str(state), "engine": {"kind": "scripted", "replies": [CALLER]}}))
    front = HostedFront(str(config), str(tmp_path / "key"))
    shown = ("x-forwarded-client-cert", f'Cert="{quote_from_bytes(made.pem, safe="")}"')
    plan = await pieces(front, plan_request, Context(shown, ("umi-proxy-key", KEY)))
    assert "contacts.search" in str(plan)
    for stranger in (Context(shown), Context(("umi-proxy-key", KEY)), Context()):
        (last,) = await pieces(front, plan_request, stranger)
        assert not last.rationale_delta
        assert stranger.code is grpc.StatusCode.UNAUTHENTICATED
