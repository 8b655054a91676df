/// <reference types="vitest/config" />
import { lingui } from "@lingui/vite-plugin";
import { defineConfig } from "vite";

export default defineConfig({
  base: "/app/",
  plugins: [lingui({ macroTransform: true, failOnMissing: true })],
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
