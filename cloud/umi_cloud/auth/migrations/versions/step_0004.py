"""People who log in, and are shut out; how often a certificate was followed; when the last backup was made."""

from alembic import op

revision = "0004"
down_revision = "0003"

_SCHEMA = """
CREATE TABLE people (
    subject TEXT PRIMARY KEY, name TEXT NOT NULL, seen_at DOUBLE PRECISION NOT NULL,
    revoked_at DOUBLE PRECISION, held_at DOUBLE PRECISION
);
INSERT INTO people (subject, name, seen_at)
    SELECT owner, max(label), max(enrolled_at) FROM devices WHERE owner IS NOT NULL GROUP BY owner;
ALTER TABLE certificates ADD COLUMN followed_day TEXT, ADD COLUMN followed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX audit_backups ON audit (at) WHERE event = 'backed-up'
"""


def upgrade() -> None:
    """Whoever owns a device has logged in."""
    op.execute(_SCHEMA)
