"""The web client in a browser: how soon it can be used, how soon others see what is said, how it scrolls.

Times are the page's own, on the machine that everything else runs on too: the server, the browser, whoever speaks.
"""

import asyncio
import time

from google.protobuf.timestamp_pb2 import Timestamp
from playwright.async_api import Browser, Page, async_playwright
from regard.chat.v1.chat_pb2 import ImportMessagesRequest, SendMessageRequest

from tests.chromium import how_to_launch
from tests.load.company import PASSWORD, Company, Member, Room, product
from tests.load.figures import percentile_ms, tell

VISITS = 5
SPOKEN = 60
LONG = 10_000
_ONE_IMPORT = 500
_PATIENCE_MS = 120_000

WHEN_SHOWN = """
globalThis.usable = new Promise((done) =>
  new MutationObserver((_, watch) => {
    if (!document.querySelector(SIGN)) return;
    watch.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now())));
  }).observe(document, { childList: true, subtree: true }),
);
"""
"""Told when what can be used has been painted, and the page is free to answer."""

WHEN_SAID = """
(text) => {
  globalThis.seen = new Promise((done) =>
    new MutationObserver((_, watch) => {
      if ([...document.querySelectorAll(".said .text")].at(-1)?.textContent !== text) return;
      watch.disconnect();
      done(Date.now());
    }).observe(document.querySelector(".talk"), { childList: true, subtree: true }),
  );
  // Not the promise, which would be waited for.
  return true;
}
"""

SCROLLED = """
async () => {
  const list = document.querySelector(".talk");
  const frames = [];
  const lastsMs = 4000;
  list.scrollTop = list.scrollHeight;
  await new Promise(requestAnimationFrame);
  const began = performance.now();
  let before = began;
  while (before - began < lastsMs) {
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before);
    before = now;
    list.scrollTop -= 400;
  }
  return frames.slice(1);
}
"""
"""Milliseconds between frames while a list is scrolled upwards by a screen every frame."""


async def usable_ms(browser: Browser, company: Company, sign: str, *, again: bool) -> float:
    """Milliseconds from an address to a page that can be used, once nothing is kept or as someone who was there."""
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    if again:
        await signed_in(page, company)
    await page.add_init_script(WHEN_SHOWN.replace("SIGN", repr(sign)))
    await page.goto(f"{company.url}/app/")
    took = float(await page.evaluate("globalThis.usable"))
    await context.close()
    return took


async def signed_in(page: Page, company: Company) -> None:
    page.set_default_timeout(_PATIENCE_MS)
    await page.goto(f"{company.url}/app/")
    await page.get_by_label("Company e-mail address").fill("p0@bench.example")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.locator("nav.groups a").nth(1).wait_for()


async def heard_s(page: Page, company: Company, room: Room, speaker: Member) -> list[float]:
    """Seconds from somebody's call to the message in another person's page, one after the other."""
    await page.goto(f"{company.url}/app/groups/{room.group_id}/chat")
    await page.locator(".connection.live").wait_for()
    await speaker.chat.SendMessage(SendMessageRequest(room_id=room.room_id, body="first"), metadata=speaker.metadata)
    await page.locator(".said").first.wait_for()
    took_s = []
    for number in range(SPOKEN):
        asked = SendMessageRequest(room_id=room.room_id, body=f"spoken {number}")
        await page.evaluate(WHEN_SAID, asked.body)
        began_s = time.time()
        await speaker.chat.SendMessage(asked, metadata=speaker.metadata)
        took_s.append(float(await page.evaluate("globalThis.seen")) / 1000 - began_s)
    return took_s


async def frames_s(page: Page, company: Company, room: Room, author_id: str) -> list[float]:
    """Seconds between frames while a conversation of LONG messages is scrolled, all of them read."""
    written_at = Timestamp(seconds=int(time.time()))
    for first in range(0, LONG, _ONE_IMPORT):
        messages = [
            ImportMessagesRequest.ImportedMessage(
                external_id=str(number),
                author_id=author_id,
                body="of a length " * (number % 20 + 1),
                written_at=written_at,
            )
            for number in range(first, first + _ONE_IMPORT)
        ]
        request = ImportMessagesRequest(room_id=room.room_id, source="bench", messages=messages)
        await company.administrator.chat.ImportMessages(request)
    await page.goto(f"{company.url}/app/groups/{room.group_id}/chat")
    said = page.locator(".said")
    await said.first.wait_for()
    while await (earlier := page.get_by_role("button", name="Earlier messages")).count():
        read = await page.locator(".page").count()
        await earlier.click()
        await page.locator(".page").nth(read).wait_for(state="attached")
    assert await said.count() == LONG
    return [float(one) / 1000 for one in await page.evaluate(SCROLLED)]


async def main() -> None:
    """Visits first, then a conversation, then a long one."""
    with product() as started:
        company = await Company.found(started)
        people = await company.people(2)
        short, long = await company.room("Short", people), await company.room("Long", people)
        speaker = await company.signed_in(list(people)[1])
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(**how_to_launch())
            for name, sign, again in (
                ("first visit, until one can sign in", "input[type=password]", False),
                ("someone signed in comes back, until Home is there", "main h1", True),
            ):
                took_ms = [await usable_ms(browser, company, sign, again=again) for _ in range(VISITS)]
                tell(f"web: {name}", sorted(took_ms)[VISITS // 2], "ms")
            page = await (await browser.new_context(locale="en-GB")).new_page()
            await signed_in(page, company)
            took_s = await heard_s(page, company, short, speaker)
            for percent in (50, 99):
                tell(f"web: a message in another person's page, p{percent}", percentile_ms(took_s, percent), "ms")
            between_s = await frames_s(page, company, long, list(people.values())[1])
            tell("web: scrolling 10,000 messages", len(between_s) / sum(between_s), "frames/s")
            tell("web: scrolling 10,000 messages, between frames, p99", percentile_ms(between_s, 99), "ms")
            await browser.close()
        await speaker.channel.close()
        await company.close()


if __name__ == "__main__":
    asyncio.run(main())
