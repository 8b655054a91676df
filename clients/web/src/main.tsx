/** Where the client begins: language, theme, router. */

import { i18n } from "@lingui/core";
import { I18nProvider } from "@lingui/react";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { install } from "./app/installed.ts";
import { preferred, speak } from "./app/language.ts";
import { queries } from "./app/queries.ts";
import { router } from "./app/router.tsx";
import { theme, wear } from "./app/theme.ts";
import { NewVersion } from "./parts/new-version.tsx";
import "./style.css";

wear(theme());
await speak(preferred());
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <I18nProvider i18n={i18n}>
      <QueryClientProvider client={queries}>
        <NewVersion />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </I18nProvider>
  </StrictMode>,
);
// Afterwards, so that what it keeps does not hold up the first page.
if (document.readyState === "complete") install();
else addEventListener("load", install);
