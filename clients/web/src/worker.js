/*
 * The service worker: keeps the client's own files, so that it opens without a network and says so. It keeps nothing else:
 * no answer of Regard passes through it. vite.config.ts writes SHELL, the files of this version, before this text.
 */

const NAME = `regard-shell-${SHELL.version}`;
const INDEX = "/app/";

addEventListener("install", (event) => {
  // A new version waits until its reader asks for it, or the last page of the old one, whose files it needs, is closed.
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(SHELL.files)));
  // Where browsers know routes, calls and files do not even wake the worker.
  event.addRoutes?.([
    { condition: { requestMethod: "POST" }, source: "network" },
    { condition: { urlPattern: { pathname: "/app/assets/*" } }, source: { cacheName: NAME } },
  ]);
});

addEventListener("activate", (event) => {
  const old = (name) => name.startsWith("regard-shell-") && name !== NAME;
  const forgotten = caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name))));
  // A page is asked for while the worker still wakes.
  event.waitUntil(Promise.all([forgotten, registration.navigationPreload?.enable()]));
});

addEventListener("message", (event) => {
  if (event.data === "now") skipWaiting();
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate" && pathname.startsWith(INDEX)) {
    event.respondWith(event.preloadResponse.then((answer) => answer ?? fetch(request)).catch(() => kept(INDEX)));
  } else if (pathname !== INDEX && SHELL.files.includes(pathname)) {
    event.respondWith(kept(pathname).then((answer) => answer ?? fetch(request)));
  }
});

const kept = (path) => caches.open(NAME).then((cache) => cache.match(path));
