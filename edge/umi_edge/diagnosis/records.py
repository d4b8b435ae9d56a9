"""The records: the list of what umi has written is whole, and the user's own addresses are known."""

from collections.abc import AsyncIterator

from umi_edge.diagnosis.finding import Finding, broken, fine, warning
from umi_edge.runtime.config import EdgeConfig
from umi_edge.runtime.laptop_records import read_records

__all__ = ["records"]


async def records(config: EdgeConfig) -> AsyncIterator[Finding]:
    """Whether what umi wrote can be told from the user's own data; nothing is made here."""
    log = config.written_records
    begun = log.exists() or log.with_name(f"{log.name}.count").exists()
    held = read_records(config) if begun else None
    if held is not None and held.damage:
        message = (
            f"the list of what umi wrote, {log}, is damaged ({held.damage}): nothing of yours is trusted"
        )
        yield broken("records", message, "bring the file back, or begin it anew with `umi records renew`")
        return
    count = len(list(held)) if held is not None else 0
    yield fine("records", f"{count} records hold words that umi wrote; `umi records` lists them")
    home = config.home
    if home.calendar and not (home.addresses or (home.smtp and home.smtp.sender)):
        message = (
            "your own e-mail addresses are not named, so each event with an organizer counts as an invitation"
        )
        yield warning("records", message, "name them under `home.addresses` of the configuration")
