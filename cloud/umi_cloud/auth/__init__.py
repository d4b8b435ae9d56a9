"""Who may call: the certificate authority, enrolment, identity and quotas.

authority    makes and reads the deployment's certificates (files)
registry     which devices, certificates and tokens count, and what was used (SQLite)
tokens       the one-time tokens that `umi-cloud enroll` prints
enrolment    a token and a signing request in, a certificate out; its own port
identity     which device makes a call
quota        how much it may use
credentials  what the gRPC ports show and ask for
"""
