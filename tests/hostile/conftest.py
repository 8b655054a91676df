"""One product for the whole suite, and a confidential group to attack in it."""

import random
from collections.abc import Iterator

import pytest

from tests.hostile.stage import Scene, Stage
from tests.product import Product


@pytest.fixture(scope="session")
def seed() -> int:
    """Printed, so that a failure can be repeated."""
    drawn = random.randrange(2**32)
    print(f"seed {drawn}")
    return drawn


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory, seed: int) -> Iterator[Stage]:
    """To be used in the xdist group "hostile" only, so that one product serves all."""
    product = Product(tmp_path_factory.mktemp("hostile"), "all", REGARD_ACCESS_LOG="true")
    try:
        yield Stage(product, seed)
    finally:
        product.close()


@pytest.fixture(scope="session")
def scene(stage: Stage) -> Scene:
    """What the hostile callers attack; nobody changes it."""
    return Scene.of(stage)
