"""Files of a Slack export, once they are out of their archive."""

import json

import atheris

import regard_client  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz, sendable
from tests.unit.client.slack import CHANNELS, GROUPS, USERS, said

with atheris.instrument_imports(include=["regard_client.importers"]):
    from regard_client.importers.archive import Archive
    from regard_client.importers.report import BadFile, Report
    from regard_client.importers.slack import read_export

NAMES = ("users.json", "channels.json", "groups.json", "dms.json", "hall/2017-12-01.json", "board/2017-12-02.json")
GOOD = dict(zip(NAMES, map(json.dumps, (USERS, CHANNELS, GROUPS, [], [], [said("U1", "x")])), strict=True))


class Unpacked(Archive):
    """Files that lie in no archive."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._files))

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def read(self, name: str) -> bytes:
        return self._files[name]


def one(data: bytes) -> None:
    """Each of the files in its turn, the others being good."""
    for name in NAMES:
        report = Report()
        files = {other: text.encode() for other, text in GOOD.items()} | {name: data}
        try:
            history = read_export(Unpacked(files), "e.zip", report)
        except BadFile:
            continue
        sendable(history, report)


if __name__ == "__main__":
    marks = "<@U1|a> <#C1> <!here> <http://x|y> &lt;"
    messages = [said("U1", marks, thread_ts="1.1", files=[{}], reactions=[{"name": "a", "users": ["U2"]}], edited={})]
    fuzz(one, [json.dumps(value).encode() for value in (USERS, CHANNELS, GROUPS, messages, [{"id": "D1"}])])
