"""Who owns a device, by which team's rules it was let in; who signed a certificate, and when it was first used."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns; nothing is known of devices that were enrolled before."""
    op.execute("ALTER TABLE devices ADD COLUMN owner TEXT, ADD COLUMN team TEXT")
    op.execute("ALTER TABLE certificates ADD COLUMN authority TEXT, ADD COLUMN used_at DOUBLE PRECISION")
