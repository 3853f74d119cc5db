// Builds the page into dist/, which any static host can serve; `make web` does it all.
//
// With the two headers below the browser lets WebAssembly have threads. A host that does not send them gets them from
// the service worker, from the second visit on.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { defaultClientConditions, defineConfig, type Plugin } from "vite";

const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
const engines = join(import.meta.dirname, "node_modules", "onnxruntime-web", "dist");
const bytes = (name: string) => statSync(join(engines, name)).size;

/** Writes the service worker: all of the page but the engines and the styles, which the page keeps as it loads them. */
function offline(): Plugin {
  let out = "";
  return {
    name: "offline",
    apply: "build",
    configResolved: (config) => void (out = join(config.root, config.build.outDir)),
    closeBundle() {
      const all = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      const files = all
        .map((entry) => relative(out, join(entry.parentPath, entry.name)).split(sep).join("/"))
        .filter((name) => name !== "sw.js" && !/\.(wasm|onnx)$/.test(name));
      const hash = createHash("sha256");
      for (const name of files) hash.update(name).update(readFileSync(join(out, name)));
      const source = readFileSync(join(import.meta.dirname, "src", "sw.js"), "utf8");
      const filled = source
        .replace('"VERSION"', JSON.stringify(hash.digest("hex").slice(0, 16)))
        .replace('"FILES"', JSON.stringify(["./", ...files.filter((name) => name !== "index.html")]));
      writeFileSync(join(out, "sw.js"), filled);
    },
  };
}

export default defineConfig({
  base: "./",
  // the build of onnxruntime-web whose WebAssembly lies in files of its own
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions] },
  define: {
    ENGINE_BYTES: {
      wasm: bytes("ort-wasm-simd-threaded.wasm"),
      webgpu: bytes("ort-wasm-simd-threaded.asyncify.wasm"),
    },
  },
  worker: { format: "es" },
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { host: "127.0.0.1", headers: isolation },
  preview: { host: "127.0.0.1", headers: isolation },
  plugins: [offline()],
});
