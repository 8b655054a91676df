/** The service worker (src/worker.js): begins it, and tells when a new version of the client waits to take over. */

const ADDRESS = "/app/sw.js";

let waiting: ServiceWorker | undefined;
const told = new Set<() => void>();

type Policy = { createScriptURL: (address: string) => string };
type Factory = { createPolicy: (name: string, rules: Policy) => Policy };

/** Begins the service worker. Without one everything works, but for opening without a network. */
export function install(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  // The policy of the page lets one name make addresses of scripts, and this name makes one address.
  const { trustedTypes } = globalThis as { trustedTypes?: Factory };
  const rules = { createScriptURL: () => ADDRESS };
  const address = (trustedTypes?.createPolicy("regard-worker", rules) ?? rules).createScriptURL(ADDRESS);
  navigator.serviceWorker.register(address, { updateViaCache: "none" }).then(watch).catch(() => {});
  if (!navigator.serviceWorker.controller) return;
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
}

/** Whether a new version waits; `subscribe` calls back when that changes. */
export const newVersion = {
  subscribe: (changed: () => void) => {
    told.add(changed);
    return () => told.delete(changed);
  },
  waits: () => waiting !== undefined,
  /** Lets it take over; every open page of the client is loaded again. */
  takeOver: () => waiting?.postMessage("now"),
};

function watch(registration: ServiceWorkerRegistration): void {
  const look = () => {
    // The very first one has no other to wait for.
    if (!registration.waiting || !navigator.serviceWorker.controller) return;
    waiting = registration.waiting;
    for (const changed of told) changed();
  };
  look();
  registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", look));
  // Whoever leaves a page open for days hears of it when they come back to it.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") registration.update().catch(() => {});
  });
}
