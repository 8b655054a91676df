// Refreshes the parts of the page that grow. Without this script a reload shows the same.
"use strict";
for (const part of document.querySelectorAll("[data-refresh]")) {
  let busy = false;
  setInterval(async () => {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const answer = await fetch(part.dataset.refresh, { headers: { "x-fragment": "1" } });
      if (answer.status === 401) location.assign("/");
      if (answer.ok) {
        const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (parsed.body.innerHTML !== part.dataset.shown) {
          part.dataset.shown = parsed.body.innerHTML;
          part.replaceChildren(...parsed.body.childNodes);
          const list = part.querySelector(".chat");
          if (list) list.scrollTop = list.scrollHeight;
        }
      }
    } catch {
      // Nobody answers: the next round tries again.
    } finally {
      busy = false;
    }
  }, 2000);
}
for (const list of document.querySelectorAll(".chat")) list.scrollTop = list.scrollHeight;
