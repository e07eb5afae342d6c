"""An address to listen on."""

from __future__ import annotations

import socket

from rung.types import UserError


def taken(host: str, port: int) -> socket.socket:
    """A socket on that address, which does not listen yet; UserError where it is another's or not ours."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except (OSError, UnicodeError) as error:  # "a..b" is no name at all
        made.close()
        why = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"cannot listen on {host}, port {port} ({why}); type --port 0 for any that is free",
            zh=f"无法监听 {host} 的端口 {port}（{why}）；可用 --port 0 让系统选一个空闲端口",
        ) from None
    return made
