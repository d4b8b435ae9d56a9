"""Requests to a WebDAV server, and its answers, under limits.

Covered: answers of any size and shape, entities, endless answers, and being led to another host with the password.
"""

import re
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
from lxml import etree

from umi_edge.sync.account import Account
from umi_edge.sync.certificates import trusted_context
from umi_edge.sync.login import Login
from umi_shared.errors import LimitError, MalformedError, RefusedError, TransportError

__all__ = ["CALDAV", "CALENDARSERVER", "CARDDAV", "DAV", "DavServer", "Resource"]

DAV = "{DAV:}"
CALDAV = "{urn:ietf:params:xml:ns:caldav}"
CARDDAV = "{urn:ietf:params:xml:ns:carddav}"
CALENDARSERVER = "{http://calendarserver.org/ns/}"
_MAX_REDIRECTS = 5
_MAX_NAMED = 2000
"""Characters of a name that a server gives a thing."""
_FINE = re.compile(r"\b(200|404)\b")
"""What a server says of a thing that is there, or gone; anything else (507) means that it left things out."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What a server tells of one thing."""

    url: str = field(repr=False)
    gone: bool
    """Whether it says that there is no such thing, or gives none of what was asked for."""
    properties: Mapping[str, Any] = field(repr=False)
    """The elements that were asked for and are there, by their names."""

    def text(self, name: str) -> str:
        """The text of a property; empty where there is none."""
        found = self.properties.get(name)
        return "" if found is None else str(found.text or "").strip()

    def hrefs(self, name: str) -> list[str]:
        """The addresses in a property, resolved."""
        found = self.properties.get(name)
        texts = [] if found is None else [str(one.text or "").strip() for one in found.iter(f"{DAV}href")]
        return [urljoin(self.url, text) for text in texts if text]

    def kinds(self) -> set[str]:
        """What kinds of collection it is."""
        found = self.properties.get(f"{DAV}resourcetype")
        return set() if found is None else {str(one.tag) for one in found}


class DavServer:
    """One server, asked with one account's user and password, until the account's time is over."""

    def __init__(self, account: Account, login: Login) -> None:
        limits = account.limits
        self._account = account
        self._login = login
        self._origin = _origin(account.url)
        self._until = time.monotonic() + limits.seconds
        self._client = httpx.Client(
            auth=httpx.BasicAuth(account.user, login.secret) if account.user and not login.by_token else None,
            verify=trusted_context(account),
            timeout=limits.wait_seconds,
            follow_redirects=False,
            trust_env=False,  # neither another's password from ~/.netrc nor a proxy for a server in the house
            headers={"User-Agent": "umi", "Accept-Encoding": "identity"},
        )

    def __enter__(self) -> "DavServer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def propfind(self, url: str, *names: str, depth: int) -> list[Resource]:
        """What there is at an address (depth 0), or in it too (depth 1)."""
        body = etree.Element(f"{DAV}propfind")
        _asked(body, names)
        return self._multistatus("PROPFIND", url, body, depth)

    def multiget(self, url: str, report: str, data: str, urls: list[str]) -> list[Resource]:
        """The things at these addresses, in one answer; `data` is the property that holds their text."""
        body = etree.Element(report)
        _asked(body, (f"{DAV}getetag", data))
        for one in urls:
            parts = urlsplit(one)
            etree.SubElement(body, f"{DAV}href").text = parts.path + (
                f"?{parts.query}" if parts.query else ""
            )
        return self._multistatus("REPORT", url, body, 1)

    def _multistatus(self, method: str, url: str, body: Any, depth: int) -> list[Resource]:
        final, content = self._answer(
            method, url, etree.tostring(body, xml_declaration=True, encoding="utf-8"), depth
        )
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
        )
        try:
            document = etree.fromstring(content, parser)
        except (etree.XMLSyntaxError, ValueError):
            raise MalformedError(
                f"{self._name} answered with something that is no XML", fix=_ADDRESS
            ) from None
        if document.tag != f"{DAV}multistatus":
            raise MalformedError(f"{self._name} answered with something that is no WebDAV", fix=_ADDRESS)
        return list(self._resources(document, final))

    def _resources(self, document: Any, base: str) -> Iterator[Resource]:
        for count, response in enumerate(document.iterchildren(f"{DAV}response")):
            if count > self._account.limits.items:
                raise LimitError(
                    f"{self._name} has more than {self._account.limits.items:,} things in one place"
                )
            href = str(response.findtext(f"{DAV}href") or "").strip()
            status = str(response.findtext(f"{DAV}status") or "")
            if not href or len(href) > _MAX_NAMED or (status and not _FINE.search(status)):
                raise MalformedError(
                    f"{self._name} does not list all that it has", fix="try again later: `umi sync`"
                )
            properties: dict[str, Any] = {}
            for found in response.iterchildren(f"{DAV}propstat"):
                if " 200" in str(found.findtext(f"{DAV}status") or ""):
                    properties |= {
                        str(one.tag): one for prop in found.iterchildren(f"{DAV}prop") for one in prop
                    }
            yield Resource(self.inside(urljoin(base, href)), not properties, properties)

    def inside(self, url: str) -> str:
        """The address, if it is on the account's own server. Raises `RefusedError`."""
        if _origin(url) != self._origin:
            host = urlsplit(url).hostname or "nowhere"
            raise RefusedError(
                f"{self._name} leads to another host, {host}: the password is not sent there",
                fix=f"if that is right, write the address at {host} as the `url` of the account",
            )
        return url

    def _answer(self, method: str, url: str, body: bytes, depth: int) -> tuple[str, bytes]:
        """The address that answered, and what. A token that is refused is asked for once more."""
        renewed = False
        for _ in range(_MAX_REDIRECTS):
            status, location, content = self._ask(method, self.inside(url), body, depth)
            if status == 401 and not renewed and self._login.renewed():
                renewed = True
                continue
            if status in (301, 302, 307, 308) and location:
                url = urljoin(url, location)
                continue
            if status == 207:
                return url, content
            raise self._refusal(status)
        raise RefusedError(f"{self._name} sends from one address to the next", fix=_ADDRESS)

    def _ask(self, method: str, url: str, body: bytes, depth: int) -> tuple[int, str, bytes]:
        headers = {"Depth": str(depth), "Content-Type": "application/xml; charset=utf-8"}
        if self._login.by_token:
            headers["Authorization"] = f"Bearer {self._login.secret}"
        content = bytearray()
        try:
            with self._client.stream(method, url, content=body, headers=headers) as answer:
                for piece in answer.iter_bytes():
                    content += piece
                    if len(content) > self._account.limits.answer_bytes:
                        raise LimitError(f"{self._name} answers with more than umi takes at once")
                    self.check_time()
                return answer.status_code, answer.headers.get("location", ""), bytes(content)
        except httpx.TimeoutException:
            raise TransportError(
                f"{self._name} did not answer in time", fix="try again: `umi sync`"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise self._failure(error) from None

    def check_time(self) -> None:
        """Raises `LimitError` when the account's time is over."""
        if time.monotonic() > self._until:
            raise LimitError(
                f"{self._name} took too long: the rest is still to fetch", fix="go on: `umi sync`"
            )

    def _failure(self, error: Exception) -> TransportError:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ssl.SSLError):
            cause = cause.__cause__ or cause.__context__
        if cause is not None:
            fix = "if it is your own server, name who signs its certificate in `ca_file`"
            return TransportError(f"the certificate of {self._name} is not trusted", fix=fix)
        return TransportError(
            f"{self._name} cannot be reached ({type(error).__name__})", fix="try again later"
        )

    def _refusal(self, status: int) -> RefusedError:
        if status in (401, 403):
            return self._login.refusal(self._name, reason=str(status))
        return RefusedError(f"{self._name} answered with HTTP {status}", reason=str(status), fix=_ADDRESS)

    @property
    def _name(self) -> str:
        return f"the server {self._account.address.hostname}"


_ADDRESS = "check the `url` of the account"


def _asked(body: Any, names: tuple[str, ...]) -> None:
    prop = etree.SubElement(body, f"{DAV}prop")
    for name in names:
        etree.SubElement(prop, name)


def _origin(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0
    return parts.scheme, (parts.hostname or "").lower(), port
