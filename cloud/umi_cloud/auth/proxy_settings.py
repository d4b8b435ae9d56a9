"""Which proxies a server believes: the `proxy` of its configuration."""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from umi_cloud.auth.forwarded_certificate import FORWARDED_KEY, HEADER_CHARACTERS
from umi_shared.errors import ConfigError

__all__ = ["ProxySettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """Which proxies may end TLS before this server, and say whose calls they bring (`x-forwarded-client-cert`)."""

    names: tuple[str, ...] = ()
    """Of those that `umi-cloud ca proxy NAME` made a certificate for; with `authority`, DNS names or URIs of others.

    Of several in a row each is named: those behind which laptops' calls come, not the server's neighbour alone.
    """
    authority: Path | None = None
    """A file of certificates (PEM) whose authorities sign the proxies', where that is not umi's own."""
    address_header: str = ""
    """The header whose last address is the laptop's, such as `x-forwarded-for`; empty: the log has the proxy's.

    Of several in a row the first writes it, and the others leave it as it is.
    """

    def __post_init__(self) -> None:
        if self.authority is not None and not self.names:
            raise ConfigError(
                "`proxy` has an authority and no names, and believes nobody",
                fix="name the proxies: `proxy: {names: [edge.example.org], …}`",
            )
        if any(not name or name.startswith("umi://") for name in self.names):
            raise ConfigError(
                "`proxy: {names: …}` has a name that is none",
                fix="write the NAME of `umi-cloud ca proxy NAME`, or a DNS name or URI of its certificate",
            )
        if self.address_header.lower() == FORWARDED_KEY:
            raise ConfigError(
                f"`{FORWARDED_KEY}` holds no addresses", fix="name a header such as x-forwarded-for"
            )

    @property
    def metadata_bytes(self) -> int:
        """Bytes of metadata that one request may have: a proxy adds its client's certificate, several add several."""
        return (HEADER_CHARACTERS if self.names else 0) + 8 * 1024

    def authority_pem(self) -> bytes:
        """The certificates of `authority`; empty without. Raises ConfigError."""
        if self.authority is None:
            return b""
        try:
            pem = self.authority.read_bytes()
            basics = [
                one.extensions.get_extension_for_class(x509.BasicConstraints).value
                for one in x509.load_pem_x509_certificates(pem)
            ]
        except (OSError, ValueError, x509.ExtensionNotFound) as error:
            raise ConfigError(
                f"the proxies' authority {self.authority} cannot be read", fix="check `proxy: {authority: …}`"
            ) from error
        if not all(one.ca for one in basics):
            raise ConfigError(
                f"{self.authority} holds a certificate of no authority",
                fix="name the file of the authority that signs the proxies' certificates",
            )
        return pem
