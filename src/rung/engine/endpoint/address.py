"""Which model behind which endpoint, what it is known by, and how patiently it is asked.

An endpoint shows no weights, so nothing can be hashed but its address: base URL and model name. What answers there may be
exchanged by whoever runs it; ``system_fingerprint``, where answers carry one, is noted and shows that.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from rung.types import UserError

SCHEME = "openai:"
PUBLIC = "https://api.openai.com/v1"
KEY = "OPENAI_API_KEY"


@dataclass(frozen=True)
class EndpointOptions:
    """How an endpoint is asked."""

    key_env: str | None = None  # the environment variable of the key; None: OPENAI_API_KEY, where it is set
    context: int | None = None  # tokens; None: what the endpoint says, else a cautious guess
    concurrency: int = 8  # requests under way at once
    timeout: float = 60.0  # seconds of one attempt, from the first byte sent to the last one read
    attempts: int = 8  # of one call, before it counts as failed
    first_wait: float = (
        0.5  # seconds before the second attempt; doubled each time, and up to half of it taken off at random
    )
    longest_wait: float = 30.0  # seconds; a server's Retry-After may ask for more


@dataclass(frozen=True)
class Address:
    """``openai:NAME@URL`` in parts."""

    name: str
    base_url: str

    @classmethod
    def parse(cls, model: str, base_url: str | None = None) -> Address:
        """Of ``openai:NAME`` and a URL, or ``openai:NAME@URL``; without a URL OPENAI_BASE_URL, else OpenAI's own.

        Raises UserError for a name or URL that cannot be used, and for one with a password in it.
        """
        name, at, told = model.removeprefix(SCHEME).partition("@http")
        url = base_url or (f"http{told}" if at else None) or os.environ.get("OPENAI_BASE_URL") or PUBLIC
        if not name:
            raise UserError(
                f"{model!r} names no model: type --model openai:NAME --base-url URL",
                zh=f"{model!r} 没有给出模型名：请写 --model openai:名称 --base-url 地址",
            )
        return cls(name, _cleaned(url))

    @property
    def text(self) -> str:
        """By which a model can be found again."""
        return f"{SCHEME}{self.name}@{self.base_url}"

    @property
    def sha256(self) -> str:
        """What the ledger and adaptations know it by: a hash of the address, not of weights."""
        return hashlib.sha256(f"endpoint\0{self.base_url}\0{self.name}".encode()).hexdigest()

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""

    @property
    def local(self) -> bool:
        """Whether it stands on this machine: nobody sends a bill."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def key(self, variable: str | None) -> str:
        """The key out of the environment; a placeholder where none is set and none was named.

        Raises UserError where the variable that was named is not set, or OpenAI itself is asked without a key, and for a key that
        no header can hold.
        """
        found = os.environ.get(variable or KEY, "").strip()
        if not found.isascii() or not found.isprintable():
            raise UserError(
                f"the key in {variable or KEY} has characters that cannot be sent; a key is of plain letters, digits and marks: "
                "set it again",
                zh=f"环境变量 {variable or KEY} 中的密钥含有无法发送的字符；密钥只由英文字母、数字和符号组成：请重新设置",
            )
        if found or (variable is None and self.base_url != PUBLIC):
            return found or "none"
        raise UserError(
            f"the environment has no {variable or KEY}, the key for {self.base_url}; set it, or name another with --api-key-env",
            zh=f"环境变量 {variable or KEY} 没有设置，而访问 {self.base_url} 需要密钥；请设置它，或用 --api-key-env 指定别的变量",
        )


def _cleaned(url: str) -> str:
    """The URL without a slash at its end, scheme and host in small letters: one endpoint has one identity."""
    try:
        parts = urlsplit(url.strip())
        fits = parts.scheme.lower() in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number up to 65535, a bracket that is not closed
        fits = False
    if not fits or len(url.split()) != 1:
        raise UserError(
            f"{_shown(url)!r} is no base URL; they look like http://localhost:8000/v1",
            zh=f"{_shown(url)!r} 不是接口地址；形如 http://localhost:8000/v1",
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UserError(
            "a base URL holds no name, password or query here: it is written into results. "
            "Put the key into the environment, and name the variable with --api-key-env",
            zh="接口地址中不能带用户名、密码或查询参数：它会写入结果。请把密钥放进环境变量，并用 --api-key-env 指定变量名",
        )
    return urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/"), "", ""))


def _shown(url: str) -> str:
    return url.rpartition("@")[2]
