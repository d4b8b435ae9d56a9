"""A tap on the wire: what passes between a laptop and its cloud, byte by byte and request by request.

A TCP proxy on loopback keeps the bytes, and a reader of HTTP/2 finds the gRPC requests in them. It reads plaintext
only: it is for measuring and testing umi, not for watching others.
"""

from umi_lab.wire_tap.http2 import PREFACE, FrameKind, Request, WireError, requests_of
from umi_lab.wire_tap.tap import WireTap, tapped

__all__ = ["PREFACE", "FrameKind", "Request", "WireError", "WireTap", "requests_of", "tapped"]
