"""The methods that Ray Serve's gRPC takes in for umi; Serve hands each to the application that the Envoy names.

Requests come as bytes: parsed by gRPC, a malformed one would be logged with its trace, and answered with its text.
"""

import grpc

__all__ = ["METHODS", "add_to_server"]

METHODS = {
    "umi_proto.v1.Planner": ("Plan", True),
    "umi_proto.v1.Summarizer": ("Summarize", True),
    "umi_proto.v1.Renewal": ("Renew", False),
    "grpc.health.v1.Health": ("Check", False),
}
"""By service: its method, and whether that answers with a stream."""


def add_to_server(servicer: object, server: grpc.aio.Server) -> None:
    """What Serve calls for `grpc_servicer_functions`; the behaviours given here are replaced by Serve's own."""
    for service, (method, streams) in METHODS.items():
        made = grpc.unary_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
        handler: grpc.RpcMethodHandler[bytes, bytes] = made(getattr(servicer, method))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
