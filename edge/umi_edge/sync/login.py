"""How an account logs in: by a password, or by an access token (OAuth 2.0) that a program of the user's gives.

A token is short-lived: where a server refuses it, the program is asked once more, and a token that is the same is not
sent again.

I8: docs/design.md#i8-no-private-value-in-what-umi-says
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from umi_edge.sync.account import Account
from umi_edge.sync.password import password_of
from umi_edge.sync.printed import first_line_of
from umi_shared.errors import ConfigError, RefusedError

__all__ = ["Login"]

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750, 2.1: with nothing in it that would end a header or a SASL response."""


@dataclass(slots=True)
class Login:
    """What one account shows to its server."""

    account: Account
    secret: str = field(repr=False)
    by_token: bool = False

    @classmethod
    def of(cls, account: Account, environment: Mapping[str, str]) -> "Login":
        """Ask for the password, or the program for a token. Raises `ConfigError`, which never quotes it."""
        if account.token_command:
            return cls(account, _token(account), by_token=True)
        return cls(account, password_of(account, environment))

    def renewed(self) -> bool:
        """Whether the program has another token than the one that was refused. Raises `ConfigError` as `of` does."""
        if not self.by_token:
            return False
        refused, self.secret = self.secret, _token(self.account)
        return self.secret != refused

    def refusal(self, server: str, *, reason: str = "") -> RefusedError:
        """What to say of a server that did not take it."""
        name = self.account.name
        if self.by_token:
            return RefusedError(
                f"{server} refused the access token of the account {name}",
                reason=reason,
                fix=f"log in anew with the program that `token_command` of {name} names, "
                "and see that the token is for this server (its scope) and this user",
            )
        more = f" (HTTP {reason})" if reason else ""
        return RefusedError(
            f"{server} refused the login of the account {name}",
            reason=reason,
            fix=f"check `user` and the password of {name}; some servers want a password for this program only, or "
            f"an access token: `token_command`{more}",
        )


def _token(account: Account) -> str:
    token = first_line_of(account.token_command, account=account.name, what="token").strip()
    if not _TOKEN.fullmatch(token):
        raise ConfigError(
            f"the token command of {account.name} printed something that is no access token",
            fix=f"let `token_command` of {account.name} print the token alone, and try it in a shell",
        )
    return token
