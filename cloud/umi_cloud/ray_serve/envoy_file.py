"""Envoy's configuration before umi's roles on Ray Serve: what Serve's gRPC lacks, in one file to edit.

It ends mutual TLS, says which certificate the device showed, and shows the key by which replicas believe it; it holds
each request to its deadline, tries again what failed before its first message, and lets none of Serve's own errors out,
whose texts are traces of Python.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from umi_shared.enrolment_token import split_address

__all__ = ["EnvoyFile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyFile:
    """What Envoy needs to know."""

    certificates: str
    """The directory that `umi-cloud ca init` made, as Envoy sees it."""
    upstreams: Sequence[str]
    """Serve's gRPC on each node, as HOST:9000."""
    port: int = 7443

    def text(self) -> str:
        """The file. Raises `ConfigError` for what is no address."""
        folder = PurePosixPath(self.certificates) / "ca"
        nodes = "".join(
            "        - endpoint: {address: {socket_address: "
            f"{{address: {json.dumps(host)}, port_value: {port}}}}}}}\n"
            for host, port in map(split_address, self.upstreams)
        )
        return (
            _TEXT.replace("PORT", str(self.port))
            .replace("CERTIFICATE", json.dumps(str(folder / "server.pem")))
            .replace("AUTHORITY", json.dumps(str(folder / "ca.pem")))
            .replace("NODES\n", nodes)
        )


_TEXT = """\
# Envoy before umi's planner and summarizer on Ray Serve. Start it with the replicas' key in its environment:
#   UMI_PROXY_KEY=$(cat proxy.key) envoy -c THIS_FILE
# Enrolment stays with a front (`umi-cloud serve`) over the same registry and certificates.
static_resources:
  listeners:
  - name: laptops
    address: {socket_address: {address: 0.0.0.0, port_value: PORT}}
    per_connection_buffer_limit_bytes: 1048576
    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          require_client_certificate: true
          common_tls_context:
            alpn_protocols: [h2]
            tls_params: {tls_minimum_protocol_version: TLSv1_3}
            tls_certificates:
            - certificate_chain: {filename: CERTIFICATE}
              private_key: {filename: CERTIFICATE}       # one file holds both
            validation_context: {trusted_ca: {filename: AUTHORITY}}
      transport_socket_connect_timeout: 10s
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: laptops
          codec_type: HTTP2
          http2_protocol_options: {max_concurrent_streams: 128}
          common_http_protocol_options: {idle_timeout: 600s, max_headers_count: 64}
          max_request_headers_kb: 16
          # The certificate that the device showed; whatever a device writes into this header itself is taken out.
          forward_client_cert_details: SANITIZE_SET
          set_current_client_cert_details: {cert: true}
          http_filters:
          - name: envoy.filters.http.lua
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
              default_source_code:
                inline_string: |
                  -- What umi says of a failure has details. What has none is Serve's own, and may quote anything.
                  local function sealed(fields)
                    local status = fields:get("grpc-status")
                    if status ~= nil and status ~= "0" and fields:get("grpc-status-details-bin") == nil then
                      if status ~= "4" and status ~= "12" then  -- too late, and not there: nothing gets better
                        fields:replace("grpc-status", "14")     -- laptops try again
                      end
                      fields:replace("grpc-message", "the planner's server failed")
                    end
                  end
                  function envoy_on_response(response)
                    sealed(response:headers())
                    local trailers = response:trailers()
                    if trailers ~= nil then
                      sealed(trailers)
                    end
                  end
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            # Overwritten, whatever a device sent: where the call goes, by when it ends, and who vouches for it.
            request_headers_to_add:
            - header: {key: umi-proxy-key, value: "%ENVIRONMENT(UMI_PROXY_KEY)%"}
              append_action: OVERWRITE_IF_EXISTS_OR_ADD
            - header: {key: umi-timeout, value: "%REQ(grpc-timeout)%"}
              append_action: OVERWRITE_IF_EXISTS_OR_ADD
            virtual_hosts:
            - name: umi
              domains: ["*"]
              routes:
              - match: {prefix: /umi_proto.v1.Summarizer/}
                request_headers_to_add:
                - header: {key: application, value: summarizer}
                  append_action: OVERWRITE_IF_EXISTS_OR_ADD
                route: &route
                  cluster: serve
                  timeout: 150s
                  max_stream_duration: {max_stream_duration: 150s, grpc_timeout_header_max: 150s}
                  # Before the first message only: Envoy has nothing to take back then.
                  retry_policy:
                    retry_on: connect-failure,refused-stream,reset-before-request,cancelled,internal,unavailable
                    num_retries: 3
                    retry_back_off: {base_interval: 0.1s, max_interval: 1s}
              - match: {prefix: /umi_proto.v1.Planner/}
                request_headers_to_add: &planner
                - header: {key: application, value: planner}
                  append_action: OVERWRITE_IF_EXISTS_OR_ADD
                route: *route
              - match: {prefix: /umi_proto.v1.Renewal/}
                request_headers_to_add: *planner
                route: *route
              - match: {path: /grpc.health.v1.Health/Check}
                request_headers_to_add: *planner
                route: *route
  clusters:
  - name: serve
    type: STRICT_DNS
    connect_timeout: 2s
    lb_policy: LEAST_REQUEST
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {connection_keepalive: {interval: 10s, timeout: 5s}}}
    outlier_detection: {consecutive_gateway_failure: 3, base_ejection_time: 2s, max_ejection_percent: 50}
    load_assignment:
      cluster_name: serve
      endpoints:
      - lb_endpoints:
NODES
"""
