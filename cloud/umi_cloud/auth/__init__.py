"""Who may call: the certificate authority, enrolment, identity and quotas.

authority    makes and reads the deployment's certificates (files)
registry     which devices, certificates and tokens count, and what was used; its operations know no database
store        the port to a database: sqlite_store, postgres_store
known_devices, live_calls, registry_watch   how one front follows the registry, and goes on without it for a while
tokens       the one-time tokens that `umi-cloud enroll` prints
enrolment    a token and a signing request in, a certificate out; its own port
identity     which device makes a call
allowance    how much it may use
credentials  what the gRPC ports show and ask for
"""
