/** Language and theme: two switches that every page has. */

import { useLingui } from "@lingui/react/macro";
import { useState } from "react";
import { type Language, speak } from "../app/language.ts";
import { queries } from "../app/queries.ts";
import { type Theme, theme, wear } from "../app/theme.ts";

export function LanguageSwitch() {
  const { i18n } = useLingui();
  const other: Language = i18n.locale === "fr" ? "en" : "fr";
  const change = async () => {
    await speak(other, true);
    await queries.invalidateQueries({ refetchType: "none" });
  };
  return (
    <button type="button" className="plain" lang={other} onClick={() => void change()}>
      {other === "en" ? "English" : "Français"}
    </button>
  );
}

export function ThemeSwitch() {
  const { t } = useLingui();
  const [worn, setWorn] = useState<Theme>(theme);
  const change = (wanted: Theme) => {
    wear(wanted);
    setWorn(wanted);
  };
  return (
    <label className="switch">
      <span className="unseen">{t`Colours`}</span>
      <select value={worn} onChange={(event) => change(event.target.value as Theme)}>
        <option value="system">{t`As the system`}</option>
        <option value="light">{t`Light`}</option>
        <option value="dark">{t`Dark`}</option>
      </select>
    </label>
  );
}
