"""Slows down whoever tries passwords: a bucket of attempts per address, and one for the whole installation.

In memory, per process: a restart forgives, and N processes allow N times as many.
"""

from collections import OrderedDict
from dataclasses import dataclass
from math import ceil

from services.common.clock import Clock
from services.identity.refusals import TOO_MANY_ATTEMPTS

_REMEMBERED = 50_000
"""Addresses whose attempts are counted; the least recently tried is forgotten first."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many attempts may come at once, and after how many seconds one more is allowed."""

    at_once: int
    seconds_each: float


@dataclass(frozen=True, slots=True)
class _Bucket:
    left: float
    at_s: float


PER_ADDRESS = Allowance(at_once=5, seconds_each=30)
PER_INSTALLATION = Allowance(at_once=200, seconds_each=0.05)


class Throttle:
    """Counts attempts when they begin, so that many at once don't slip by, and forgets those that succeed."""

    def __init__(
        self, clock: Clock, per_address: Allowance = PER_ADDRESS, per_installation: Allowance = PER_INSTALLATION
    ) -> None:
        self._clock = clock
        self._per_address = per_address
        self._per_installation = per_installation
        self._addresses: OrderedDict[str, _Bucket] = OrderedDict()
        self._all = _Bucket(per_installation.at_once, clock().timestamp())

    def attempt(self, address: str) -> None:
        """Counts an attempt at `address`, any key that stands for one. Raises Refused (IDN-03), counting nothing."""
        now_s = self._clock().timestamp()
        one = self._filled(self._addresses.get(address), self._per_address, now_s)
        everyone = self._filled(self._all, self._per_installation, now_s)
        for bucket, allowance in ((one, self._per_address), (everyone, self._per_installation)):
            if bucket.left < 1:
                raise TOO_MANY_ATTEMPTS(seconds=str(ceil((1 - bucket.left) * allowance.seconds_each)))
        self._all = _Bucket(everyone.left - 1, now_s)
        self._remember(address, _Bucket(one.left - 1, now_s))

    def succeeded(self, address: str) -> None:
        """The attempt was right: it and those before it count no more."""
        now_s = self._clock().timestamp()
        self._addresses.pop(address, None)
        everyone = self._filled(self._all, self._per_installation, now_s)
        self._all = _Bucket(min(everyone.left + 1, self._per_installation.at_once), now_s)

    def _remember(self, address: str, bucket: _Bucket) -> None:
        self._addresses[address] = bucket
        self._addresses.move_to_end(address)
        if len(self._addresses) > _REMEMBERED:
            self._addresses.popitem(last=False)

    @staticmethod
    def _filled(bucket: _Bucket | None, allowance: Allowance, now_s: float) -> _Bucket:
        if bucket is None:
            return _Bucket(allowance.at_once, now_s)
        gained = max(0.0, now_s - bucket.at_s) / allowance.seconds_each
        return _Bucket(min(bucket.left + gained, allowance.at_once), now_s)
