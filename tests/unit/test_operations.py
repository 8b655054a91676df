"""Whoever is woken finds what to do: each alert has its page in docs/operations.md, each id its line."""

import importlib
import pkgutil
import re
from pathlib import Path

import prometheus_client
import pytest
import yaml

import services
from services.common.errors import Kind, catalogue

ROOT = Path(__file__).resolve().parents[2]
MANUAL = (ROOT / "docs/operations.md").read_text()
RULES = yaml.safe_load((ROOT / "deploy/alerts.yaml").read_text())["groups"][0]["rules"]
MEASURE = re.compile(r"\bregard_\w+")
OPERATORS = {"DBS", "EVS", "GWY", "KEY", "PRJ", "RUN"}
SERVERS_FAULT = {Kind.UNAVAILABLE, Kind.DATA_LOSS, Kind.INTERNAL}


@pytest.fixture(scope="module", autouse=True)
def everything() -> None:
    """All that declares refusals and measures."""
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def measured() -> set[str]:
    """The names of the measures, as Prometheus sees them."""
    names = set()
    for family in prometheus_client.REGISTRY.collect():
        if family.name.startswith("regard_"):
            names.add(family.name + "_total" if family.type == "counter" else family.name)
    return names


def without_suffix(name: str) -> str:
    return re.sub(r"_(bucket|count|sum)$", "", name)


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    pages = re.findall(r"^### (Regard\w+)$", MANUAL, re.MULTILINE)
    assert pages == [rule["alert"] for rule in RULES]


def test_alerts_are_about_measures_that_exist() -> None:
    for rule in RULES:
        named = {without_suffix(name) for name in MEASURE.findall(rule["expr"])}
        assert named <= measured(), rule["alert"]


def test_every_measure_is_explained() -> None:
    explained = set(re.findall(r"^\| `(regard_\w+)", MANUAL, re.MULTILINE))
    assert explained == measured()


def test_every_id_that_operators_can_act_on_has_a_line() -> None:
    told = set(re.findall(r"[A-Z]{2,3}-\d\d", MANUAL.partition("## Error ids")[2]))
    known = {one.id for one in catalogue()}
    theirs = {
        one.id
        for one in catalogue()
        if one.kind in SERVERS_FAULT or (one.kind is Kind.FAILED_PRECONDITION and one.id[:3] in OPERATORS)
    }
    assert theirs <= told, "ids without a line"
    assert told <= known, "lines about ids that are none"
