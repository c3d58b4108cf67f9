"""An online store in Redis: a hash of blocks for each materialisation, and a head that names the one which is read.

Owns the keys, all under one prefix. A materialisation that nobody reads any more, or that
was never finished, goes by itself after an hour.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from steadily.errors import ConfigError
from steadily.features.store import CHUNK, Head, StoreAway, in_batches, newer, shown

PREFIX = "steadily:features"
HOUR = 3_600
WRITING = 60.0  # seconds
WHOLE = ""  # a field that every materialisation has, so that one without keys is there, too


class RedisStore:
    """The store; see ``Store``."""

    def __init__(self, url: str, timeout: float) -> None:
        self.shown = shown(url)
        self.url, self.prefix = address_of(url)
        self.reading = client_of(self.url, timeout)

    def name(self, *parts: object) -> str:
        """Name a key."""
        return ":".join([self.prefix, *map(str, parts)])

    @contextmanager
    def told(self) -> Iterator[None]:
        """Say of what Redis refuses that the store is away.

        Raises:
            StoreAway: It does not answer.
        """
        from redis import RedisError

        try:
            yield
        except RedisError as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise StoreAway.at(self.shown, f"the store does not answer: {said}") from None

    def head(self, version: str) -> Head | None:
        """Give the head of a version."""
        with self.told():
            found = self.reading.hget(self.name("heads"), version)
        return None if found is None else Head.from_json(json.loads(found))

    def heads(self) -> list[Head]:
        """Give all heads."""
        with self.told():
            found = self.reading.hgetall(self.name("heads"))
        return [Head.from_json(json.loads(one)) for _, one in sorted(found.items())]

    def blocks(self, head: Head, keys: Sequence[str]) -> dict[str, str] | None:
        """Give the blocks of some keys."""
        found: dict[str, str] = {}
        with self.told():
            for some in in_batches(keys, CHUNK):
                values = self.reading.hmget(self.name(head.materialisation), [WHOLE, *some])
                if values[0] is None:
                    return None
                found |= {key: value for key, value in zip(some, values[1:], strict=True) if value is not None}
        return found

    def publish(self, head: Head, blocks: Iterator[tuple[str, str]]) -> Head:
        """Write a materialisation under a name of its own, then exchange the head in one piece."""
        writing = client_of(self.url, WRITING)
        try:
            with self.told():
                return self.exchanged(writing, head, blocks)
        finally:
            writing.close()

    def exchanged(self, writing: Any, head: Head, blocks: Iterator[tuple[str, str]]) -> Head:
        """Write, then exchange the head; another one that came meanwhile is looked at again."""
        from redis import WatchError

        heads, name = self.name("heads"), self.name(head.materialisation)
        filled = False
        while True:
            with writing.pipeline() as exchange:
                exchange.watch(heads)
                text = exchange.hget(heads, head.set.version)
                there = None if text is None else Head.from_json(json.loads(text))
                if there is not None and (newer(there, head) or there.digest == head.digest):
                    if filled:
                        writing.delete(name)
                    return there
                if not filled:
                    self.fill(writing, name, blocks)
                    filled = True
                exchange.multi()
                exchange.persist(name)
                exchange.hset(heads, head.set.version, json.dumps(head.to_json()))
                if there is not None:
                    exchange.expire(self.name(there.materialisation), HOUR)
                try:
                    exchange.execute()
                except WatchError:
                    continue
                return head

    def fill(self, writing: Any, name: str, blocks: Iterator[tuple[str, str]]) -> None:
        """Write the blocks; should this never end, they go by themselves."""
        writing.hset(name, WHOLE, "1")
        writing.expire(name, HOUR)
        for some in in_batches(blocks, CHUNK):
            writing.hset(name, mapping=dict(some))
            writing.expire(name, HOUR)

    def close(self) -> None:
        """Let go of connections."""
        self.reading.close()


def address_of(url: str) -> tuple[str, str]:
    """Take our own ``prefix`` out of an address.

    >>> address_of("redis://localhost:6379/1?prefix=shop")
    ('redis://localhost:6379/1', 'shop')
    """
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query))
    prefix = asked.pop("prefix", PREFIX)
    return urlunsplit(parts._replace(query=urlencode(asked))), prefix


def client_of(url: str, timeout: float) -> Any:
    """Make a client whose questions end in time, and which asks each once.

    Raises:
        ConfigError: The package is not installed, or the address is none.
    """
    try:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        hint = "pip install 'steadily[redis]'"
        raise ConfigError.at("features.store", "the package redis is not installed", hint=hint) from error
    try:
        return Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
        )
    except (ValueError, TypeError):
        raise ConfigError.at("features.store", "is no address of a Redis", given=shown(url)) from None
