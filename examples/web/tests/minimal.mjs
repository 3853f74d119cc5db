// examples/browser-minimal in a real browser: node minimal.mjs JOB.json, {executable, address, photo, folder}.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const packages = join(dirname(fileURLToPath(import.meta.url)), "..", "node_modules");
const browser = await chromium.launch({ executablePath: job.executable, args: ["--no-sandbox"] });
const page = await browser.newPage();
const said = [];
page.on("console", (message) => ["error", "warning"].includes(message.type()) && said.push(message.text()));
page.on("pageerror", (error) => said.push(String(error)));
// what the network would give
await page.route("https://cdn.jsdelivr.net/npm/**", (route) => {
  const path = new URL(route.request().url()).pathname.replace("/npm/", "").replace(/@[\d.]+/, "");
  const contentType = path.endsWith(".wasm") ? "application/wasm" : "text/javascript";
  const headers = { "Access-Control-Allow-Origin": "*" };
  return route.fulfill({ path: join(packages, path), contentType, headers });
});
await page.route("**/great_wave-dial.onnx", (route) => route.fulfill({ status: 404 }));
await page.goto(job.address);
await page.waitForFunction(() => document.getElementById("state").value.startsWith("The style cannot be loaded: "));
said.length = 0;
await page.unroute("**/great_wave-dial.onnx");
await page.reload();
const state = (text) =>
  page.waitForFunction((text) => document.getElementById("state").value === text, text, { timeout: 60_000 });
const seen = [];
await state("Choose a photo.");
await page.locator("#file").setInputFiles({ name: "a.png", mimeType: "image/png", buffer: Buffer.from("none") });
await state("That is not a picture that this browser can read.");
await page.locator("#file").setInputFiles(job.photo);
for (const strength of ["1", "0.5"]) {
  await page.locator("#strength").fill(strength);
  await state("Painted.");
  seen.push(await page.evaluate(() => document.getElementById("canvas").toDataURL()));
}
console.log(JSON.stringify({ seen, said }));
await browser.close();
