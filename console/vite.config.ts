import { join } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const page = (name: string) => join(import.meta.dirname, name);

// Builds the console into console/dist. The result depends only on the sources: not on the folder, the time or the machine.
export default defineConfig({
  root: import.meta.dirname,
  base: "/console/",
  plugins: [react()],
  build: {
    // Browsers with `light-dark()`, popovers and native dialogs.
    target: ["chrome125", "edge125", "firefox128", "safari17.5"],
    // One style sheet for all pages, so that a page never appears before its style.
    cssCodeSplit: false,
    // An inlined file would be a data: URL, which the content security policy refuses for scripts and styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: { index: page("index.html"), embed: page("embed.html") },
      // Few large files compress better than many small ones, and packages keep their file when a page changes.
      output: {
        codeSplitting: {
          groups: [
            { name: "packages", test: /node_modules/ },
            { name: "parts", test: /console\/src\/(ui|use-pages)/ },
          ],
        },
      },
    },
  },
  // `vite console` serves the sources, with the calls to a server on the usual port.
  server: { proxy: { "/latchkey.v1.": "http://127.0.0.1:8080", "/readyz": "http://127.0.0.1:8080" } },
});
