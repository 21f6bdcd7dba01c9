"""The account: what has been spent and reserved under one cap, by any number of requests and processes at once."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

_POLL_SECONDS = 0.02
_NANO = 1_000_000_000  # whole billionths of a dollar add up exactly
_SCHEMA = (
    # worst: reserved before it was sent; spent: null while in flight, or where it can't be known. Billionths of a dollar.
    "create table if not exists requests (id integer primary key, at text not null default current_timestamp, "
    "model text not null, worst integer not null, spent integer)",
    "create table if not exists total (committed integer not null)",
    "insert into total select 0 where not exists (select 1 from total)",
)


class CapReachedError(RuntimeError):
    """A request wasn't sent, because its worst price would pass the cap."""


@dataclass(frozen=True)
class Spending:
    """The state of an account, in dollars; `requests` counts those sent."""

    spent: float
    in_flight: float
    """reserved by requests whose price isn't known: still running, or killed with their process"""
    requests: int
    unsettled: int


class Account:
    """One account file. Spent and reserved together never pass the cap that a reservation was made under."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._in_flight: set[int] = set()
        file.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(file, timeout=60, isolation_level=None)
        # A killed process loses nothing this way; only a failing machine could.
        self._connection.executescript("pragma journal_mode = wal; pragma synchronous = normal;")
        with self._transaction() as connection:
            for statement in _SCHEMA:
                connection.execute(statement)

    async def reserve(self, model: str, worst_usd: float, cap_usd: float) -> int:
        """Set the worst price of a request aside, and give its number.

        Where only requests of this process that are still in flight stand in the way, it waits for them: they mostly
        cost less than they reserved.

        Raises:
            CapReachedError: the cap leaves no room for it.
        """
        worst, cap = math.ceil(worst_usd * _NANO), math.floor(cap_usd * _NANO)
        while True:
            waited_for = set(self._in_flight)
            number = self._try(model, worst, cap)
            if number is not None:
                return number
            if not waited_for:
                spending = self.spending()
                held = spending.spent + spending.in_flight
                raise CapReachedError(
                    f"${held:.4f} of ${cap_usd:.2f} are spent or reserved, and this request can cost ${worst_usd:.4f}: "
                    f"not sent. To go on, raise cap_usd and run again (account {self.file})"
                )
            await anyio.sleep(_POLL_SECONDS)

    def settle(self, number: int, spent_usd: float | None) -> None:
        """Put down what a reserved request cost; None where that can't be known: its worst price then counts."""
        self._in_flight.discard(number)
        if spent_usd is None:
            return
        spent = math.ceil(spent_usd * _NANO)
        with self._transaction() as connection:
            (worst,) = connection.execute("select worst from requests where id = ?", (number,)).fetchone()
            connection.execute("update requests set spent = ? where id = ?", (spent, number))
            connection.execute("update total set committed = committed + ?", (spent - worst,))

    def committed(self) -> float:
        """Spent and reserved together, in dollars."""
        return self._connection.execute("select committed from total").fetchone()[0] / _NANO

    def spending(self) -> Spending:
        """What has been spent and reserved."""
        row = self._connection.execute(
            "select coalesce(sum(spent), 0), coalesce(sum(case when spent is null then worst end), 0), "
            "count(*), count(*) - count(spent) from requests"
        ).fetchone()
        return Spending(row[0] / _NANO, row[1] / _NANO, row[2], row[3])

    def _try(self, model: str, worst: int, cap: int) -> int | None:
        with self._transaction() as connection:
            (committed,) = connection.execute("select committed from total").fetchone()
            if committed + worst > cap:
                return None
            cursor = connection.execute("insert into requests (model, worst) values (?, ?)", (model, worst))
            connection.execute("update total set committed = committed + ?", (worst,))
            number = int(cursor.lastrowid or 0)
        self._in_flight.add(number)
        return number

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One writer at a time, over all processes."""
        self._connection.execute("begin immediate")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")
