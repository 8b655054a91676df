"""`pytest --real`: the same tests, on genuine servers (tests/parts.py)."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import judged, parts

# How long something takes says how busy the machine is, and decides no test.
settings.register_profile("regard", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("regard")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--real", action="store_true", help="run on genuine Kafka and PostgreSQL: see `make real`")


def pytest_configure(config: pytest.Config) -> None:
    parts.is_real = bool(config.getoption("--real"))


def pytest_report_header() -> str:
    """Tells whether somebody else's tool looks at the logs that the tests write."""
    return f"logs judged by tessera's fsck: {'yes' if judged.found('fsck') else 'no, `scripts/setup real` builds it'}"


@pytest.fixture(scope="session", autouse=True)
def _servers_end_with_the_tests() -> Iterator[None]:
    yield
    parts.close()
