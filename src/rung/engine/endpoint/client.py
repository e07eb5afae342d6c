"""Calls to an endpoint: so many under way at once, each repeated until it is answered, each answer kept when it arrives.

The calls live on an event loop in a thread of their own, so that an attempt has one limit in time from its first byte to its
last, whatever the server does, and so that all of them can be given up at once. Anybody may ask from any thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from rung.engine.endpoint.address import Address, EndpointOptions
from rung.engine.endpoint.calls import Answer, CallStore, Memory, Meter, T, billed, has_usage, moment, parsed
from rung.engine.endpoint.failures import LONGEST_ASKED, Broken, Failure, Refused, failure, pause
from rung.engine.usage import Usage
from rung.types import EndpointError, UserError, digest


@dataclass(frozen=True)
class Request(Generic[T]):
    """A call: what is sent where, how its answer is read (raises Broken), and its tokens where nobody counts them."""

    path: str
    body: Mapping[str, Any] | None  # None: a GET
    read: Callable[[dict[str, Any]], T]
    estimate: tuple[int, int] = (0, 0)  # tokens in, and at most out

    @property
    def head(self) -> str:
        """The end of the prompt, to name the call by."""
        body = self.body or {}
        said = body.get("prompt") or body.get("messages") or ""
        said = said[0] if isinstance(said, list) and said and isinstance(said[0], str) else said
        said = said if isinstance(said, str) else str(said[-1].get("content", "")) if said else ""
        return "…" * (len(said) > 60) + said[-60:]


class Client:
    """One endpoint, its key, and what was spent there. Nothing is opened before the first call."""

    def __init__(self, address: Address, options: EndpointOptions):
        self.address, self.options = address, options
        self.store: CallStore = Memory()
        self.meter = Meter()
        self.allow: Callable[[], None] = lambda: None  # before each attempt; raises BudgetSpent
        self.counted = False  # whether an answer without its usage is a broken one
        self.fingerprints: set[str] = set()  # system_fingerprint of the answers
        self._key = address.key(options.key_env)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: Callable[[], Any] | None = None
        self._under_way: dict[str, asyncio.Task[str]] = {}
        self._quiet_until = 0.0  # the server asked everybody to wait

    def use(self, store: CallStore) -> None:
        """Keep answers in ``store`` from now on, and know those that it holds."""
        self.store, self.meter = store, Meter.of(store)

    def ask(self, requests: Sequence[Request[T]]) -> list[Answer[T]]:
        """The answers, in order; known ones are not asked for again.

        Raises EndpointError after the last attempt, Refused, and whatever ``allow`` raises. Calls of the same ``requests``
        that are under way then are waited for, and what they bring is kept.
        """
        if not requests:
            return []
        loop = self._running()
        done = asyncio.run_coroutine_threadsafe(self._gather(requests), loop).result()
        for answer in done:
            if isinstance(answer, BaseException):
                raise answer
        return done  # type: ignore[return-value]

    def close(self) -> None:
        """Give up all that is under way, and hang up; the next call begins anew."""
        with self._lock:
            if self._loop is not None and self._end is not None:
                self._end()
                self._thread.join(5.0)
                self._loop = None

    async def _gather(self, requests: Sequence[Request[T]]) -> list[Answer[T] | BaseException]:
        return await asyncio.gather(*(self._answer(request) for request in requests), return_exceptions=True)

    async def _answer(self, request: Request[T]) -> Answer[T]:
        key = digest(self.address.sha256, request.path, request.body)
        known = self.store.known_call(key)
        if known is None:
            if key not in self._under_way:
                task = asyncio.ensure_future(self._pay(key, request))
                self._under_way[key] = task
                task.add_done_callback(lambda _: self._under_way.pop(key, None))
            await asyncio.shield(self._under_way[key])
            known = self.store.known_call(key)
            assert known is not None
        body, tokens_in, tokens_out, seconds = known
        answered = parsed(body)
        self._note(answered)
        return Answer(request.read(answered), Usage(tokens_in, tokens_out, 1, seconds))

    async def _pay(self, key: str, request: Request[T]) -> str:
        """Attempt after attempt until an answer is kept."""
        found = Failure("")
        for attempt in range(self.options.attempts):
            if attempt:
                self.meter.repeated += 1
            async with self._slots:
                await self._quiet()
                self.allow()
                started = time.perf_counter()
                try:
                    text = await self._send(request)
                    self._keep(key, request, text, time.perf_counter() - started)
                    return key
                except Exception as error:
                    found = self._failed(key, request, error)
            if found.asked is not None:
                self._quiet_until = max(self._quiet_until, time.monotonic() + found.asked)
            if attempt + 1 < self.options.attempts:
                await asyncio.sleep(pause(found, attempt, self.options))
        raise self._hopeless(request, found)

    async def _send(self, request: Request[T]) -> str:
        async with asyncio.timeout(self.options.timeout):
            if request.body is None:
                response = await self._openai.get(request.path, cast_to=self._response)
            else:
                response = await self._openai.post(request.path, body=dict(request.body), cast_to=self._response)
            text: str = response.text
            return text

    def _keep(self, key: str, request: Request[T], text: str, seconds: float) -> None:
        """An answer is looked at before it is kept: what is broken is asked for again, not remembered."""
        try:
            body = parsed(text)
        except ValueError:
            raise Broken("no JSON") from None
        if not isinstance(body, dict):
            raise Broken("no JSON object")
        try:
            request.read(body)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise Broken(f"{type(error).__name__}: {error}") from None
        if self.counted and "model" in (request.body or ()) and not has_usage(body):
            raise Broken("no usage")
        tokens_in, tokens_out = billed(body, request.estimate)
        self.store.keep_call(key, text, tokens_in, tokens_out, seconds)
        self.meter.answers += 1
        self.meter.tokens_in += tokens_in
        self.meter.tokens_out += tokens_out

    def _failed(self, key: str, request: Request[T], error: Exception) -> Failure:
        if isinstance(error, UserError):  # the budget
            raise error
        try:
            found = failure(error, self.address, self.options.timeout)
        except Refused as refused:
            raise Refused(refused.status, self._scrubbed(refused.message)) from None
        if found.billed:
            tokens_in, tokens_out = request.estimate
            self.store.lose_call(digest(key, moment()), tokens_in, tokens_out)
            self.meter.lost += 1
            self.meter.lost_in += tokens_in
            self.meter.lost_out += tokens_out
        if found.asked is not None and found.asked > LONGEST_ASKED:
            raise self._hopeless(request, found)
        return found

    def _hopeless(self, request: Request[T], found: Failure) -> EndpointError:
        head, attempts = request.head, self.options.attempts
        what = self._scrubbed(found.what)
        if found.asked is not None and found.asked > LONGEST_ASKED:
            what += f", and asks to wait {found.asked:.0f} s"
        call, call_zh = (f". The prompt ends with {head!r}", f"。提示的结尾是 {head!r}") if head else ("", "")
        return EndpointError(
            f"{self.address.base_url}{request.path} did not answer for {self.address.name} in {attempts} attempts, "
            f"the last one: {what}{call}. What was answered is kept; the same command goes on",
            zh=f"{self.address.base_url}{request.path} 对 {self.address.name} 的请求尝试 {attempts} 次仍无应答，最后一次：{what}"
            f"{call_zh}。已得到的回答都已保存；再次运行同一条命令会继续",
        )

    def _scrubbed(self, text: str) -> str:
        """Some servers repeat the key in their messages."""
        return text.replace(self._key, "***") if self._key != "none" else text

    async def _quiet(self) -> None:
        while (left := self._quiet_until - time.monotonic()) > 0:
            await asyncio.sleep(left)

    def _note(self, body: dict[str, Any]) -> None:
        fingerprint = body.get("system_fingerprint")
        if isinstance(fingerprint, str) and fingerprint and len(self.fingerprints) < 100:
            self.fingerprints.add(fingerprint)

    def _running(self) -> asyncio.AbstractEventLoop:
        """The loop, started with the first call."""
        with self._lock:
            if self._loop is None:
                openai = _openai()
                import httpx2  # what the client of openai 3 stands on

                self._response = httpx2.Response
                self._slots = asyncio.Semaphore(self.options.concurrency)
                self._openai = openai.AsyncOpenAI(
                    api_key=self._key, base_url=self.address.base_url, max_retries=0, timeout=self.options.timeout
                )
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run, args=(self._loop,), name="endpoint", daemon=True)
                self._thread.start()
                self._end = weakref.finalize(self, _hang_up, self._loop, self._openai)  # also where nobody closes it
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


def _hang_up(loop: asyncio.AbstractEventLoop, openai: Any) -> None:
    """Cancel what runs on the loop, close the connections, and stop it."""

    async def end() -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await openai.close()
        loop.stop()

    if loop.is_running():
        asyncio.run_coroutine_threadsafe(end(), loop)


def _openai() -> Any:
    try:
        import openai
    except ImportError:
        raise UserError(
            "a model behind an endpoint needs the openai client: pip install -e '.[endpoint]' in the folder of Rung",
            zh="使用远程接口的模型需要 openai 客户端：请在 Rung 的文件夹里运行 pip install -e '.[endpoint]'",
        ) from None
    return openai
