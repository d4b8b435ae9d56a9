"""Devices, certificates, tokens, spending, and the calls that are open on each front."""

from alembic import op

revision = "0001"
down_revision = None

_SCHEMA = """
CREATE TABLE devices (
    name TEXT PRIMARY KEY, enrolled_at DOUBLE PRECISION NOT NULL, revoked_at DOUBLE PRECISION,
    requests BIGINT NOT NULL DEFAULT 0, tokens BIGINT NOT NULL DEFAULT 0,
    bucket_level DOUBLE PRECISION, bucket_at DOUBLE PRECISION
);
CREATE TABLE certificates (
    serial TEXT PRIMARY KEY, name TEXT NOT NULL REFERENCES devices (name),
    issued_at DOUBLE PRECISION NOT NULL, expires_at DOUBLE PRECISION NOT NULL, revoked_at DOUBLE PRECISION
);
CREATE INDEX certificates_of_device ON certificates (name);
CREATE INDEX certificates_revoked ON certificates (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE TABLE tokens (
    digest BYTEA PRIMARY KEY, name TEXT NOT NULL, created_at DOUBLE PRECISION NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL, used_at DOUBLE PRECISION
);
CREATE TABLE spending (
    name TEXT NOT NULL, day TEXT NOT NULL, tokens BIGINT NOT NULL, PRIMARY KEY (name, day)
);
CREATE UNLOGGED TABLE fronts (id TEXT PRIMARY KEY, seen_at DOUBLE PRECISION NOT NULL);
CREATE UNLOGGED TABLE calls (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, front TEXT NOT NULL REFERENCES fronts (id) ON DELETE CASCADE
);
CREATE INDEX calls_of_device ON calls (name);
CREATE INDEX calls_of_front ON calls (front);
CREATE FUNCTION umi_tell_of_revocations() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('umi_revocations', ''); RETURN NULL; END $$;
CREATE TRIGGER umi_revocations AFTER UPDATE OF revoked_at ON certificates
    FOR EACH STATEMENT EXECUTE FUNCTION umi_tell_of_revocations()
"""


def upgrade() -> None:
    """Make the tables. Open calls need no write-ahead log: after a crash of the database none is open."""
    op.execute(_SCHEMA)
