"""How often the faults are tried, with which chance, and what must be so after each."""

import asyncio
import os
import random

from tests.product import Product


def rounds(few: int, *, of: int) -> int:
    """How many rounds: `few` in CI, all `of` them with `make faults` (REGARD_FAULT_ROUNDS=all)."""
    wanted = os.environ.get("REGARD_FAULT_ROUNDS", "")
    return of if wanted == "all" else int(wanted or few)


def seeded() -> random.Random:
    """Chance, from a seed that is printed; REGARD_FAULT_SEED gives it again."""
    seed = int(os.environ.get("REGARD_FAULT_SEED", "") or random.randrange(2**32))
    print(f"seed {seed}: REGARD_FAULT_SEED={seed} draws the same again")
    return random.Random(seed)


async def checked(product: Product) -> None:
    """`regard check` finds nothing, whether the product runs or not."""
    found = await asyncio.to_thread(product.command, "check")
    assert found.returncode == 0, found.stdout + found.stderr
