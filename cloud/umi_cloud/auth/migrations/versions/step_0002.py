"""When a device was last seen, with which version, whose it is, and whether it is held back; and the audit."""

from alembic import op

revision = "0002"
down_revision = "0001"

_SCHEMA = """
ALTER TABLE devices ADD COLUMN last_seen_at DOUBLE PRECISION, ADD COLUMN version TEXT NOT NULL DEFAULT '',
    ADD COLUMN label TEXT NOT NULL DEFAULT '', ADD COLUMN held_at DOUBLE PRECISION;
ALTER TABLE tokens ADD COLUMN label TEXT NOT NULL DEFAULT '';
CREATE TABLE audit (
    id TEXT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, event TEXT NOT NULL, device TEXT NOT NULL,
    serial TEXT NOT NULL, who TEXT NOT NULL, address TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE INDEX audit_by_time ON audit (at, id);
CREATE FUNCTION umi_audit_stays() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN
        IF TG_OP = 'DELETE' THEN
            IF OLD.at < extract(epoch FROM clock_timestamp()) - 30 * 86400 THEN RETURN OLD; END IF;
        END IF;
        RAISE EXCEPTION 'the audit is only added to';
    END $$;
CREATE TRIGGER umi_audit_stays BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION umi_audit_stays();
CREATE TRIGGER umi_audit_stays_whole BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION umi_audit_stays()
"""


def upgrade() -> None:
    """Add what is new. An entry of the audit is never changed, and can be deleted once it is older than 30 days."""
    op.execute(_SCHEMA)
