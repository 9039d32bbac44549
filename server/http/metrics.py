"""The metrics, in the format of Prometheus. They are collected when they are read."""

import platform
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from chatroom.db.statistics import BucketCounts
from chatroom.protocol import RELEASE
from chatroom.protocol.errors import SlowConsumer
from chatroom.server.http.sources import ServerPhase, ServerSources

PREFIX = "chatroom_"


def build_registry(sources: ServerSources) -> CollectorRegistry:
    """Return the metrics of the server, its process and its garbage collector."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ServerCollector(sources))
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class ServerCollector(Collector):
    """Reads the server's counters. Containers are copied first (which is atomic), because the event loop
    changes them meanwhile."""

    def __init__(self, sources: ServerSources) -> None:
        self._sources = sources
        self._parts = sources.parts

    def collect(self) -> Iterator[Metric]:
        yield self._build_info()
        yield from self._connection_metrics()
        yield from self._request_metrics()
        yield from self._message_metrics()
        yield from self._database_metrics()
        yield from self._background_metrics()
        yield from (_gauge(*row) for row in self._parts.limit_report.gauges())
        yield from (_counter(*row) for row in self._parts.limit_report.counters())

    def _build_info(self) -> Metric:
        labels = {
            "version": RELEASE,
            "python": platform.python_version(),
            "database": self._parts.engine.dialect.name,
        }
        info = GaugeMetricFamily(f"{PREFIX}build_info", "Versions in use", labels=[*labels])
        info.add_metric([*labels.values()], 1)
        return info

    def _connection_metrics(self) -> Iterator[Metric]:
        sessions = list(self._sources.sessions())
        counts = self._parts.session_statistics
        yield _gauge("connections", "Open connections", len(sessions))
        yield _counter("connections_opened", "Connections that were accepted", counts.opened)
        yield _labelled(
            "connections_closed", "Connections that the server closed", "code", dict(counts.closings)
        )
        yield _counter(
            "slow_readers",
            "Connections closed because events were not read",
            counts.closings[SlowConsumer.code],
        )
        yield _gauge("outbox_bytes", "Bytes of events that wait for slow readers",
                     sum(session.waiting_bytes for session in sessions))  # fmt: skip
        accounts = list(self._parts.directory.accounts.values())
        yield _gauge(
            "sessions", "Sessions that are logged in", sum(len(account.speakers) for account in accounts)
        )
        yield _gauge("accounts", "Accounts with a session or in their grace time", len(accounts))
        yield _gauge("serving", "Whether clients are served (not while starting or stopping)",
                     self._sources.phase() is ServerPhase.SERVING)  # fmt: skip
        if self._sources.tls is not None:
            yield _gauge("certificate_expiry_timestamp_seconds", "When the TLS certificate expires",
                         self._sources.tls.expires_at)  # fmt: skip

    def _request_metrics(self) -> Iterator[Metric]:
        counts = self._parts.session_statistics
        requests = {str(type.__struct_config__.tag): count for type, count in dict(counts.requests).items()}
        yield _labelled("requests", "Requests by type", "type", requests)
        yield _labelled("refusals", "Requests answered with an error, by code", "code", dict(counts.refusals))
        logins = CounterMetricFamily(
            f"{PREFIX}logins", "Logins by request and result: ok, or the code of the error",
            labels=["type", "result"],
        )  # fmt: skip
        for (type, result), count in dict(counts.logins).items():
            logins.add_metric([str(type.__struct_config__.tag), result], count)
        yield logins
        yield _gauge("password_queue", "Passwords that wait for their hash, or are hashed",
                     self._parts.passwords.queue_length)  # fmt: skip

    def _message_metrics(self) -> Iterator[Metric]:
        database = self._parts.database_statistics
        yield _counter("messages_stored", "Messages and notices that this process stored", database.messages)
        yield _counter("messages_purged", "Messages that this process removed because of their age",
                       database.purged)  # fmt: skip
        yield _counter("deliveries", "Messages sent to sessions", self._parts.session_statistics.deliveries)
        yield _histogram("ack_seconds", "From a message's request to its answer", database.ack_seconds)

    def _database_metrics(self) -> Iterator[Metric]:
        database, writer = self._parts.database_statistics, self._parts.writer.current_state()
        yield _histogram("commit_seconds", "Transactions of the writer", database.commit_seconds)
        yield _histogram("batch_operations", "Operations in a transaction", database.batch_operations)
        yield _gauge("writer_queue", "Operations that wait for the writer", writer.queue_length)
        yield _gauge("reader_queue", "Queries that wait or run", self._parts.reader.queue_length)
        yield _gauge("database_up", "Whether the database took the last write", not writer.is_down)
        yield _labelled("database_errors", "Errors by kind: deadlock, lock, outage, other", "kind",
                        dict(database.errors))  # fmt: skip
        yield _counter("database_retries", "Repeated attempts of transactions and queries", database.retries)

    def _background_metrics(self) -> Iterator[Metric]:
        parts = self._parts
        yield _histogram(
            "loop_lag_seconds", "Delay of the event loop's timers", parts.loop_monitor.lag_seconds
        )
        yield _gauge("search_backlog", "Messages that the search index lacks", parts.indexer.backlog)
        yield _counter("accounts_erased", "Erasures of accounts that this process completed",
                       parts.eraser.completed)  # fmt: skip
        if parts.poller is not None:
            yield _gauge("cluster_peers", "Other server processes on this database", parts.poller.peers)
            yield _counter("cluster_hints", "Polls that found changes of other processes", parts.poller.hints)
            yield _gauge("cluster_lag_seconds", "Seconds since the changes of other processes were last read",
                         parts.poller.lag_seconds())  # fmt: skip
        if parts.bus is not None and parts.exchange is not None:
            counters = parts.exchange.counters
            yield _gauge("cluster_connected", "1 while NATS is connected", int(parts.bus.is_connected))
            yield _counter("cluster_hints_sent", "Hints sent to other processes", counters.sent)
            yield _counter("cluster_hints_received", "Hints of other processes", counters.received)
            yield _counter("cluster_hints_forged", "Hints with a wrong authentication code", counters.forged)
            yield _gauge("cluster_hint_seconds", "Delay of the last hint", counters.lag / 1000)


def _gauge(name: str, purpose: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, purpose, value=float(value))


def _counter(name: str, purpose: str, value: float) -> Metric:
    return CounterMetricFamily(PREFIX + name, purpose, value=value)


def _labelled(name: str, purpose: str, label: str, counts: dict[str, int]) -> Metric:
    family = CounterMetricFamily(PREFIX + name, purpose, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _histogram(name: str, purpose: str, values: BucketCounts) -> Metric:
    buckets, below = [], 0
    for bound, count in zip((*values.bounds, None), list(values.counts), strict=True):
        below += count
        buckets.append(("+Inf" if bound is None else str(float(bound)), float(below)))
    return HistogramMetricFamily(PREFIX + name, purpose, buckets=buckets, sum_value=values.total)
