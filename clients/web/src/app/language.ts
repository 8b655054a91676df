/** French or English: what was chosen here, else the browser's first of the two, else French. */

import { i18n } from "@lingui/core";

export type Language = "fr" | "en";

const KEY = "regard-language";

/** The language in use. */
export function language(): Language {
  return i18n.locale === "en" ? "en" : "fr";
}

/** The language to begin with. */
export function preferred(): Language {
  const chosen = localStorage.getItem(KEY);
  if (chosen === "fr" || chosen === "en") return chosen;
  const first = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag === "fr" || tag === "en");
  return first === "en" ? "en" : "fr";
}

/** Shows everything in a language, now and next time. */
export async function speak(wanted: Language, remember = false): Promise<void> {
  const { messages } = wanted === "fr" ? await import("../locales/fr.po") : await import("../locales/en.po");
  i18n.loadAndActivate({ locale: wanted, messages });
  document.documentElement.lang = wanted;
  if (remember) localStorage.setItem(KEY, wanted);
}
