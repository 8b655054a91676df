import { defineConfig } from "@lingui/cli";

export default defineConfig({
  sourceLocale: "en",
  locales: ["en", "fr"],
  catalogs: [{ path: "src/locales/{locale}", include: ["src"], exclude: ["src/gen/**"] }],
});
