/// <reference types="vitest/config" />
import { lingui } from "@lingui/vite-plugin";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

/** Writes sw.js: src/worker.js, which is no module, after the list of the files that it keeps. */
const worker: Plugin = {
  name: "regard-worker",
  apply: "build",
  enforce: "post",
  generateBundle(_options, bundle) {
    const built = Object.keys(bundle).filter((name) => name !== "index.html");
    const own = readdirSync("public").filter((name) => name !== "sw.js");
    const text = readFileSync("src/worker.js", "utf8");
    const told = createHash("sha256").update(text);
    for (const name of own) told.update(readFileSync(`public/${name}`));
    // The names of the built files say what is in them.
    const version = told.update(built.sort().join()).digest("hex").slice(0, 16);
    const files = ["/app/", ...[...built, ...own].map((name) => `/app/${name}`)];
    this.emitFile({ type: "asset", fileName: "sw.js", source: `const SHELL = ${JSON.stringify({ version, files })};\n${text}` });
  },
};

export default defineConfig({
  base: "/app/",
  plugins: [lingui({ macroTransform: true, failOnMissing: true }), worker],
  build: {
    target: "es2022",
    // No image becomes a data: URL, which the content security policy refuses.
    assetsInlineLimit: 0,
    emptyOutDir: true,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/regard.": "http://localhost:8080", "/app/session": "http://localhost:8080", "/log": "http://localhost:8080" } },
  test: { include: ["tests/**/*.test.ts", "tests/**/*.test.tsx"] },
});
