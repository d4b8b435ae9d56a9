"""Whether this front can answer requests, and what is in the way: the one source of every answer about health."""

from dataclasses import dataclass

__all__ = ["Readiness"]


@dataclass(slots=True)
class Readiness:
    """What is true now; each part is set by whoever finds it out."""

    engine: bool = False
    """Whether a model is loaded and alive."""
    registry: bool = True
    """Whether the registry can be used."""
    registry_outlived: bool = False
    """Whether it has been gone for so long that known devices are refused, too."""
    certificate: bool = True
    """Whether the server's certificate is one that devices accept."""
    draining: bool = False

    @property
    def serves(self) -> bool:
        """Whether planners and summarizers answer."""
        return self.engine and self.certificate and not self.registry_outlived and not self.draining

    @property
    def enrols(self) -> bool:
        """Whether devices can enrol and renew."""
        return self.registry and self.certificate and not self.draining

    def troubles(self) -> tuple[str, ...]:
        """What is in the way, or soon will be; in constant words, for anybody to read.

        >>> Readiness(engine=True, registry=False).troubles()
        ('registry',)
        """
        found = {
            "engine": not self.engine,
            "registry": not self.registry,
            "certificate": not self.certificate,
            "draining": self.draining,
        }
        return tuple(word for word, there in found.items() if there)
