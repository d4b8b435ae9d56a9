"""What an operator sees of a running server: metrics, traces and probes. No text, no device, no session."""
