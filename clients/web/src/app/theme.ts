/** Light, dark, or as the system says. */

export type Theme = "system" | "light" | "dark";

const KEY = "regard-theme";

/** What was chosen here. */
export function theme(): Theme {
  const chosen = localStorage.getItem(KEY);
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

/** Shows the page so, now and next time. */
export function wear(wanted: Theme): void {
  if (wanted === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, wanted);
  document.documentElement.dataset["theme"] = wanted;
}
