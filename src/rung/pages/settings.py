"""What ``rung ui`` was started with."""

from __future__ import annotations

import ipaddress
import platform
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from rung.types import Language, UserError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
WILDCARD = frozenset({"0.0.0.0", "::"})
SHORTEST_TOKEN = 12  # characters; a shorter one can be guessed


@dataclass(frozen=True)
class Settings:
    """``token`` None: nobody is asked for one, which only a loopback address may have. ``language`` None: the browser's."""

    runs: Path
    models: tuple[str, ...] = ("sprout",)
    language: Language | None = None
    host: str = "127.0.0.1"
    port: int = 8321
    token: str | None = None
    upload_bytes: int = 64 * 2**20
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def __post_init__(self) -> None:
        if self.token is None and not is_loopback(self.host):
            raise UserError(
                f"on {self.host} everybody in the network could ask: a token is needed. Type --token TOKEN",
                zh=f"绑定 {self.host} 时网络中的任何人都能访问，必须有令牌。请加 --token 令牌",
            )
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise UserError(
                f"a token of {len(self.token)} characters can be guessed; give {SHORTEST_TOKEN} or more, or none: one is made",
                zh=f"{len(self.token)} 个字符的令牌太容易被猜到；请至少用 {SHORTEST_TOKEN} 个字符，或不写，程序会生成一个",
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def host_name(header: str) -> str:
    """The name in a Host header, without its port: "localhost:80" -> "localhost", "[::1]:80" -> "::1"."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


def may_be_asked_as(header: str, settings: Settings) -> bool:
    """Whether a Host header names this server.

    A page elsewhere can make its own name point to 127.0.0.1 (DNS rebinding), but the browser then sends that name.
    """
    name = host_name(header)
    if name in LOOPBACK or name == settings.host.lower():
        return True
    if is_loopback(settings.host):
        return False
    if name == platform.node().lower():
        return True
    return settings.host in WILDCARD and _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
