"""Whether a planner's enrolment port is there at all, for a laptop whose call to it failed.

A port that is full ends connections as they come, and gRPC tells that no otherwise than a planner that is away, or one
that is not ours.
"""

import asyncio
import ssl

from umi_edge.connection.connection import Connection
from umi_shared.enrolment_token import split_address

__all__ = ["is_there"]

_CONNECT_SECONDS = 10.0
_HANDSHAKE_SECONDS = 5.0


async def is_there(connection: Connection) -> bool:
    """Whether somebody takes connections there who does not turn out to be another. Nothing is said."""
    host, port = split_address(connection.enrolment_address)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ours.load_verify_locations(connection.ca)
    ours.set_alpn_protocols(["h2"])
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(
                host,
                port,
                ssl=ours,
                server_hostname=connection.server_name,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS,
            )
    except ConnectionRefusedError:
        return False
    except (ssl.SSLEOFError, ConnectionError):  # it hung up, or is too slow for the handshake: full
        return True
    except (OSError, TimeoutError):  # nobody, or another: its certificate is of no authority of ours
        return False
    writer.transport.abort()
    return True
