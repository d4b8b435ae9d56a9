"""Address books (CardDAV, RFC 6352) and calendars (CalDAV, RFC 4791), fetched as far as they have changed.

A collection whose ctag or sync-token is the one of last time is not looked into; elsewhere the etags tell what changed.

I2: docs/design.md#i2-fail-closed
"""

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from umi_edge.sync.account import Account
from umi_edge.sync.dav import CALDAV, CALENDARSERVER, CARDDAV, DAV, DavServer, Resource
from umi_edge.sync.local_copy import LocalCopy, Part, file_of
from umi_edge.tools.outcome import Lost
from umi_shared.errors import LimitError, RefusedError

__all__ = ["fetch_dav"]

_AT_ONCE = 40


@dataclass(frozen=True, slots=True, repr=False)
class _Kind:
    """What is different about contacts and calendars."""

    collection: str
    home: str
    report: str
    data: str
    suffix: str
    well_known: str


_KINDS = {
    "contacts": _Kind(
        f"{CARDDAV}addressbook",
        f"{CARDDAV}addressbook-home-set",
        f"{CARDDAV}addressbook-multiget",
        f"{CARDDAV}address-data",
        ".vcf",
        "/.well-known/carddav",
    ),
    "calendar": _Kind(
        f"{CALDAV}calendar",
        f"{CALDAV}calendar-home-set",
        f"{CALDAV}calendar-multiget",
        f"{CALDAV}calendar-data",
        ".ics",
        "/.well-known/caldav",
    ),
}
_PRINCIPAL = f"{DAV}current-user-principal"
_MARKS = (f"{CALENDARSERVER}getctag", f"{DAV}sync-token")
_ABOUT = (f"{DAV}resourcetype", f"{DAV}displayname", *_MARKS)


def fetch_dav(account: Account, server: DavServer, copy: LocalCopy, *, let_go: bool) -> None:
    """Bring a copy up to date. Raises `UmiError`; what was fetched before that stays.

    A collection that is gone, or empty at once, is kept and told as lost unless `let_go` says that this is right: whom
    the detectors know must not vanish because a server says so (I2).
    """
    kind = _KINDS[account.store]
    found = _collections(account, server, kind)
    for one in found:
        part = copy.part(one.url, _name(one))
        mark = next((f"{name} {text}" for name in _MARKS if (text := one.text(name))), "")
        if not mark or mark != part.mark:
            whole = _fetch_collection(one, account, server, copy, part, kind, let_go=let_go)
            part.mark = mark if whole else ""
    urls = {one.url for one in found}
    for gone in [identity for identity in copy.parts if identity not in urls]:
        if let_go or not copy.parts[gone].items:
            copy.drop_part(gone)
        else:
            copy.lost.append(_vanished(copy.parts[gone].folder))


def _collections(account: Account, server: DavServer, kind: _Kind) -> list[Resource]:
    """The address books or calendars of an account, wherever its URL points: at one, at its user, or at the server."""
    here = _self(server, account.url, (*_ABOUT, _PRINCIPAL, kind.home))
    if here is not None and kind.collection in here.kinds():
        return [here]
    homes = here.hrefs(kind.home) if here is not None else []
    principals = here.hrefs(_PRINCIPAL) if here is not None else []
    if not homes and not principals:
        known = _self(server, urljoin(account.url, kind.well_known), (_PRINCIPAL,))
        principals = known.hrefs(_PRINCIPAL) if known is not None else []
    for principal in principals if not homes else []:
        told = _self(server, server.inside(principal), (kind.home,))
        homes += told.hrefs(kind.home) if told is not None else []
    found = [
        one
        for home in dict.fromkeys(homes or [account.url])
        for one in server.propfind(server.inside(home), *_ABOUT, depth=1)
        if kind.collection in one.kinds() and (not account.only or _name(one) in account.only)
    ]
    if len(found) > account.limits.collections:
        raise LimitError(f"more than {account.limits.collections} collections are there")
    if not found:
        raise RefusedError(
            f"no {'address book' if account.store == 'contacts' else 'calendar'} is found for {account.name}",
            fix="check `url`, `user` and `only` of the account",
        )
    missing = set(account.only) - {_name(one) for one in found}
    if missing:
        raise RefusedError(
            f"{len(missing)} of the names in `only` of {account.name} are not there", fix="correct `only`"
        )
    return found


def _self(server: DavServer, url: str, names: tuple[str, ...]) -> Resource | None:
    """What an address tells of itself; None where the server knows nothing of it."""
    try:
        return next(iter(server.propfind(url, *names, depth=0)), None)
    except RefusedError as error:
        if error.reason in ("404", "405"):
            return None
        raise


def _fetch_collection(
    one: Resource,
    account: Account,
    server: DavServer,
    copy: LocalCopy,
    part: Part,
    kind: _Kind,
    *,
    let_go: bool,
) -> bool:
    """Fetch what changed in a collection, and forget what is gone; whether all of it is there now."""
    listed = {
        item.url: item.text(f"{DAV}getetag")
        for item in server.propfind(one.url, f"{DAV}getetag", f"{DAV}resourcetype", depth=1)
        if item.url != one.url and f"{DAV}collection" not in item.kinds()
    }
    if not listed and part.items and not let_go:
        copy.lost.append(_vanished(part.folder))
        return False
    wanted = [url for url, etag in listed.items() if not etag or part.items.get(url, ("",))[0] != etag]
    whole = True
    for start in range(0, len(wanted), _AT_ONCE):
        server.check_time()
        batch = wanted[start : start + _AT_ONCE]
        given = {item.url: item for item in server.multiget(one.url, kind.report, kind.data, batch)}
        for url in batch:
            why = _keep(given.get(url), url, listed[url], account, copy, part, kind)
            if why:
                whole = False
                copy.lost.append(Lost(f"{part.folder}: {_last(url)}", why, "look at it on the server"))
    for url in [url for url in part.items if url not in listed]:
        copy.drop(part, url)
    return whole


def _keep(
    item: Resource | None, url: str, etag: str, account: Account, copy: LocalCopy, part: Part, kind: _Kind
) -> str:
    """Write one card or entry; why not, where it can't be."""
    text = item.text(kind.data) if item is not None else ""
    if item is None or not text:
        return "the server lists it and does not give it"
    content = text.encode("utf-8", "replace")
    if len(content) > account.limits.item_bytes:
        return f"more than {account.limits.item_bytes >> 20} MiB in it"
    copy.put(part, url, item.text(f"{DAV}getetag") or etag, file_of(url, kind.suffix), content)
    return ""


def _vanished(name: str) -> Lost:
    return Lost(
        name,
        "the server has nothing of it any more: the copy is kept",
        "if that is right: `umi sync --let-go`",
    )


def _name(one: Resource) -> str:
    return one.text(f"{DAV}displayname") or _last(one.url)


def _last(url: str) -> str:
    """The last part of an address, as far as it can be shown."""
    return urlsplit(url).path.rstrip("/").rpartition("/")[2][:60] or "/"
