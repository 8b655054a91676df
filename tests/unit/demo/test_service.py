"""The demonstration's task: it outlasts a gateway whose services are still coming up."""

from pathlib import Path
from typing import cast

import pytest

from regard_client.errors import RegardError
from services.common.kernel import Kernel
from services.common.settings import load_settings
from services.demo import service


@pytest.mark.parametrize(("kind", "attempts"), [("UNAVAILABLE", 2), ("PERMISSION_DENIED", 1)])
async def test_seeding_is_tried_again_while_a_service_is_away(
    kind: str, attempts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    async def seed(*_: object) -> None:
        tried.append(1)
        if len(tried) == 1:
            raise RegardError(id="X-01", kind=kind, sentence="")

    monkeypatch.setattr(service, "seed", seed)
    (fill,) = service.build(load_settings(data=tmp_path), cast(Kernel, None)).tasks
    await fill()
    assert len(tried) == attempts
