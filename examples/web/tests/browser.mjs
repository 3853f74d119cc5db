// The built page in a real browser: served by Vite from a free port, driven by playwright-core.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { preview } from "vite";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Serve the page and open it. `options` are those of playwright's contexts, and `query` of the address. */
export async function openPage({ executable, query = "", before, flags = [], ...options }) {
  const server = await preview({ root, logLevel: "warn", preview: { port: 0 } });
  const browser = await chromium.launch({ executablePath: executable, args: ["--no-sandbox", ...flags] });
  const context = await browser.newContext({ acceptDownloads: true, ...options });
  if (before) await context.addInitScript(before);
  const page = await context.newPage();
  const said = [];
  const requests = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  context.on("request", (request) => requests.push(request.url()));
  const address = `http://127.0.0.1:${server.httpServer.address().port}/`;
  await page.goto(address + query);
  const closeServer = () => {
    server.httpServer.closeAllConnections();
    return new Promise((resolve) => server.httpServer.close(resolve));
  };
  const close = async () => {
    await browser.close();
    await closeServer();
  };
  return { page, context, address, said, requests, closeServer, close };
}

/** Wait until nothing is being worked on; what the page says then. */
export async function settled(page) {
  await page.waitForFunction(() => document.getElementById("progress").hidden, undefined, { timeout: 60_000 });
  return await page.locator("#status").innerText();
}

export async function choosePhoto(page, file) {
  await page.locator("#photo-file").setInputFiles(file);
  return await settled(page);
}

export async function chooseStyle(page, title) {
  await page.getByRole("radio", { name: title }).check({ force: true });
  return await settled(page);
}

export async function setStrength(page, percent) {
  await page.locator("#strength").fill(String(percent));
  return await settled(page);
}

export async function setStroke(page, value) {
  await page.getByLabel("Stroke").selectOption(value);
  return await settled(page);
}

/** Press "Save as PNG", or another button; the name that the page gives the file. */
export async function save(page, path, button = "#save") {
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator(button).click()]);
  await download.saveAs(path);
  return download.suggestedFilename();
}

/** What the page has to say in words, and is then put away. */
export async function notice(page) {
  await page.locator("#notice").waitFor({ state: "visible" });
  const text = await page.locator("#notice-text").innerText();
  await page.locator("#notice-choices button").last().click();
  return text;
}
