"""The log of the whole product: it goes on after kill -9, and does not after an old copy was restored."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest

from regard_client.verify.checkpoint import Checkpoint, parse_checkpoint
from regard_client.verify.hashing import leaf_hash
from regard_client.verify.notes import parse_note
from regard_client.verify.policy import parse_policy
from regard_client.verify.tiles import bundles, parse_bundle
from regard_client.verify.tree import root_of
from tests.product import Product

FEW = 12


def published(product: Product) -> Checkpoint | None:
    """The tree in the product's folder."""
    file = product.data / "log" / "checkpoint"
    return parse_checkpoint(parse_note(file.read_bytes()).text) if file.exists() else None


def grown(product: Product, size: int) -> Checkpoint:
    """Waits until the log has that many leaves; the tree then."""
    product.until(lambda: (tree := published(product)) is not None and tree.size >= size)
    tree = published(product)
    assert tree
    return tree


def check(url: str, before: list[Checkpoint]) -> None:
    """Reads the whole log as anyone can, without a token, and compares it with what it was before."""
    with httpx.Client(base_url=f"{url}/log/", trust_env=False) as log:
        policy = parse_policy(log.get("policy").content)
        tree = policy.open(log.get("checkpoint").content).checkpoint
        entries: list[bytes] = []
        for bundle in bundles(tree.size):
            answer = log.get(bundle.path)
            if answer.status_code == 404:  # it has become full meanwhile
                answer = log.get(bundle.full.path)
            entries += parse_bundle(answer.content, len(answer.content) // 35)[: bundle.width]
    hashes = [leaf_hash(entry) for entry in entries]
    for one in (*before, tree):
        assert root_of(hashes[: one.size]) == one.root
    before.append(tree)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_goes_on_after_kill_9_and_not_after_an_old_copy(tmp_path: Path) -> None:
    product = Product(tmp_path, "all")
    vault = product.data / "vaults" / "audit.sqlite"
    try:
        seen: list[Checkpoint] = []
        url = product.ready()
        grown(product, FEW)
        check(url, seen)
        for _ in range(2):
            product.kill()
            url = product.start_again()
            grown(product, seen[-1].size + FEW)
            check(url, seen)
        checked = product.command("check")  # while it runs
        assert "log: " in checked.stdout
        assert checked.returncode == 0, checked.stdout + checked.stderr
        product.kill()
        old = tmp_path / "old"
        old.mkdir()
        for file in vault.parent.glob("audit.sqlite*"):
            shutil.copy(file, old / file.name)
        product.start_again()
        grown(product, seen[-1].size + 2 * FEW)
        assert product.stop() == 0
        for file in vault.parent.glob("audit.sqlite*"):
            file.unlink()
        for file in old.iterdir():
            shutil.copy(file, vault.parent / file.name)
        left = published(product)
        product.child = product._spawn()
        assert product.ended() == 1
        said = product.err.read_text()
        assert "RUN-01" in said
        assert "an old copy of audit’s vault" in said.lower()
        assert published(product) == left
    finally:
        product.close()
