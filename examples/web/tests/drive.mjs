// One walk through the page in a real browser: node drive.mjs WALK JOB.json
// The job: {executable, folder, ...} with paths of files. Prints what was seen as JSON; pictures go to the folder.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { choosePhoto, chooseStyle, notice, openPage, save, setStrength, setStroke, settled } from "./browser.mjs";

const [walk, file] = process.argv.slice(2);
const job = JSON.parse(readFileSync(file, "utf8"));
const out = (name) => join(job.folder, name);
const SMALL_MEMORY = 'Object.defineProperty(Navigator.prototype, "deviceMemory", { get: () => 0.02 })';
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

/** The words of the controls that the keyboard comes to, in order. */
async function tabbed(page, times) {
  const found = [];
  for (let turn = 0; turn < times; turn++) {
    await page.keyboard.press("Tab");
    found.push(
      await page.evaluate(() => {
        const { activeElement: element } = document;
        return element.getAttribute("aria-label") ?? element.labels?.[0]?.innerText ?? element.innerText;
      }),
    );
  }
  return found;
}

/** Open a file, and choose a style while it is being opened. */
async function openAndChoose(page, file, title) {
  await page.evaluate((title) => {
    const status = document.getElementById("status");
    const style = [...document.querySelectorAll("#styles input")].find((radio) => radio.labels[0].innerText.includes(title));
    const watcher = new MutationObserver(() => {
      if (!status.textContent.startsWith("Opening")) return;
      watcher.disconnect();
      style.click();
    });
    watcher.observe(status, { childList: true, characterData: true, subtree: true });
  }, title);
  await page.locator("#photo-file").setInputFiles(file);
  await settled(page);
}

/** The page with Chromium's made-up camera, and what a button of its dialog does begun. */
async function withCamera(button, { before, prepare } = {}) {
  const flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
  const opened = await openPage({ executable: job.executable, flags, before });
  await prepare?.(opened.page);
  await opened.page.getByRole("button", { name: "Use the camera" }).click();
  await opened.page.getByRole("button", { name: button }).click();
  return opened;
}

const walks = {
  async restyle() {
    const opened = await openPage({ executable: job.executable });
    const { page } = opened;
    const statuses = [await choosePhoto(page, job.photo)];
    const names = [];
    for (const [title, path] of job.styles) {
      statuses.push(await chooseStyle(page, title));
      names.push(await save(page, out(path)));
    }
    for (const percent of [50, 0]) {
      statuses.push(await setStrength(page, percent));
      await save(page, out(`strength-${percent}.png`));
    }
    const isolated = await page.evaluate(() => crossOriginIsolated);
    const engine = await page.evaluate(() => document.body.dataset.engine);
    return { ...opened, statuses, names, isolated, engine };
  },

  async look() {
    const opened = await openPage({ executable: job.executable });
    const { page } = opened;
    const statuses = [await choosePhoto(page, job.photo)];
    await chooseStyle(page, job.style);
    for (const stroke of ["2", "0.5"]) {
      statuses.push(await setStroke(page, stroke));
      await save(page, out(`stroke-${stroke}.png`));
    }
    await setStrength(page, 50);
    await save(page, out("strength.png"));
    await page.getByLabel("Keep colours").check();
    await settled(page);
    await setStroke(page, "1");
    statuses.push(await setStrength(page, 100));
    await save(page, out("colors.png"));
    const name = await save(page, out("colors.jpg"), "#save-jpeg");
    await setStroke(page, "auto");
    await page.getByLabel("Keep colours").uncheck();
    await settled(page);
    statuses.push(await choosePhoto(page, job.large));
    await save(page, out("auto.png"));
    return { ...opened, statuses, name };
  },

  /** Where Chromium plays a graphics processor: as the page chooses, by WebGPU, and where WebGPU fails. */
  async webgpu() {
    const flags = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];
    const engines = [];
    for (const [query, has] of [["", flags], ["?engine=webgpu", []], ["?engine=webgpu", flags]]) {
      const opened = await openPage({ executable: job.executable, flags: has, query });
      const { page } = opened;
      await choosePhoto(page, job.photo);
      engines.push((await page.evaluate(() => document.body.dataset.engine)).split(",")[0]);
      await save(page, out("webgpu.png"));
      if (engines.length === 3) return { ...opened, engines };
      await opened.close();
    }
  },

  async photos() {
    const opened = await openPage({ executable: job.executable });
    const facts = [];
    for (const photo of job.photos) {
      await choosePhoto(opened.page, photo);
      facts.push(await opened.page.locator("#facts").innerText());
      await save(opened.page, out(`${facts.length - 1}.png`));
    }
    return { ...opened, facts };
  },

  async badFiles() {
    const opened = await openPage({ executable: job.executable });
    const { page } = opened;
    const notices = [];
    for (const photo of job.pictures) {
      await page.locator("#photo-file").setInputFiles(photo);
      notices.push(await notice(page));
    }
    for (const model of job.models) {
      await page.locator("#model-file").setInputFiles(model);
      notices.push(await notice(page));
    }
    const styles = await page.getByRole("radio").count();
    return { ...opened, notices, styles, status: await choosePhoto(page, job.photo) };
  },

  async ownModels() {
    const opened = await openPage({ executable: job.executable });
    const { page } = opened;
    await choosePhoto(page, job.photo);
    const shipped = await page.getByRole("radio").count();
    const seen = [];
    for (const [index, model] of job.models.entries()) {
      await page.locator("#model-file").setInputFiles(model);
      await page.getByRole("radio").nth(shipped + index).waitFor({ state: "attached" });
      await settled(page);
      const dial = await page.locator("#strength").isVisible();
      if (dial) await setStrength(page, 50);
      await save(page, out(`${index}.png`));
      seen.push({ dial, caption: await page.locator("#caption").innerText() });
    }
    return { ...opened, seen };
  },

  async blend() {
    const before = "delete Navigator.prototype.serviceWorker"; // with it, all files are loaded ahead
    const opened = await openPage({ executable: job.executable, before });
    const { page } = opened;
    await choosePhoto(page, job.photo);
    const early = opened.requests.filter((url) => url.includes("atlas.onnx"));
    await chooseStyle(page, "Blend");
    for (const [at, side] of ["left", "right"].entries()) {
      await page.getByLabel(`Style on the ${side}`).selectOption(job.titles[at]);
      await settled(page);
    }
    const mix = page.getByRole("slider", { name: "Blend" });
    const blended = async (percent, path) => {
      await mix.fill(String(percent));
      await settled(page);
      return await save(page, out(path));
    };
    const names = [await blended(40, "blend.png")];
    const caption = await page.locator("#caption").innerText();
    await page.getByLabel("Keep colours").check();
    await settled(page);
    await setStroke(page, "2");
    await setStrength(page, 50);
    await save(page, out("look.png"));
    await page.getByLabel("Keep colours").uncheck();
    await settled(page);
    await setStroke(page, "1");
    await setStrength(page, 100);
    names.push(await blended(0, "left.png"), await blended(100, "right.png"));
    await page.getByRole("radio", { name: "Blend" }).focus();
    const order = await tabbed(page, 4);
    await page.keyboard.press("ArrowLeft");
    const value = await mix.getAttribute("aria-valuetext");
    const tree = await page.locator("body").ariaSnapshot();
    await page.setViewportSize(PHONE.viewport);
    const [width, bottom] = await page.evaluate(() => [
      document.documentElement.scrollWidth, document.getElementById("save").getBoundingClientRect().bottom,
    ]);
    return { ...opened, early, names, caption, tabbed: order, value, tree, width, save: bottom };
  },

  async offline() {
    const opened = await openPage({ executable: job.executable });
    const { page, closeServer } = opened;
    await choosePhoto(page, job.photo);
    await page.locator("#offline").waitFor({ state: "visible" });
    await closeServer();
    await page.reload();
    await page.getByRole("radio").first().waitFor({ state: "attached" });
    const statuses = [await choosePhoto(page, job.photo), await chooseStyle(page, job.style)];
    await save(page, out("offline.png"));
    return { ...opened, statuses };
  },

  /** Another app shares a photo with the installed page, which needs no network. */
  async shared() {
    const opened = await openPage({ executable: job.executable, bypassCSP: true }); // the page itself sends no forms
    const { page, closeServer, address } = opened;
    await choosePhoto(page, job.first);
    await page.locator("#offline").waitFor({ state: "visible" });
    const session = await opened.context.newCDPSession(page);
    const { errors, manifest } = await session.send("Page.getAppManifest");
    const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
    await closeServer();
    await page.evaluate(async ({ action, bytes }) => {
      const form = document.createElement("form");
      Object.assign(form, { method: "post", enctype: "multipart/form-data", action });
      const photo = new File([Uint8Array.from(bytes)], "from an app.png", { type: "image/png" });
      const input = Object.assign(document.createElement("input"), { type: "file", name: "photo" });
      const held = new DataTransfer();
      held.items.add(photo);
      input.files = held.files;
      form.append(input);
      document.body.append(form);
      form.submit();
    }, { action: `${address}share`, bytes: [...readFileSync(job.photo)] });
    await page.locator("#facts:not(:empty)").waitFor();
    const status = await settled(page);
    const name = await save(page, out("shared.png"));
    await page.reload();
    const after = await page.locator("body").getAttribute("class");
    return { ...opened, errors, manifest: Boolean(manifest), installabilityErrors, status, name, after };
  },

  async withoutWebAssembly() {
    const opened = await openPage({ executable: job.executable, before: "delete globalThis.WebAssembly" });
    await opened.page.locator("#notice").waitFor({ state: "visible" });
    const text = await opened.page.locator("#notice-text").innerText();
    return { ...opened, text, choices: await opened.page.locator("button:visible").count() };
  },

  async tooLarge() {
    const opened = await openPage({ executable: job.executable, before: SMALL_MEMORY });
    const { page } = opened;
    await choosePhoto(page, job.photo);
    await save(page, out("smaller.png"));
    return { ...opened, facts: await page.locator("#facts").innerText() };
  },

  async lastWins() {
    const opened = await openPage({ executable: job.executable });
    const { page } = opened;
    await choosePhoto(page, job.photos[0]);
    await page.evaluate(() => {
      const radios = [...document.querySelectorAll("#styles input")];
      for (const radio of [...radios, radios[0]]) radio.click();
    });
    await openAndChoose(page, job.photos[1], job.style);
    await save(page, out("last.png"));
    return { ...opened, caption: await page.locator("#caption").innerText() };
  },

  /** A style chosen while a file is opened that turns out to be no picture: the photo before is painted in it. */
  async notOpened() {
    const opened = await openPage({ executable: job.executable });
    const { page } = opened;
    await choosePhoto(page, job.photo);
    await openAndChoose(page, job.broken, job.style);
    return { ...opened, notice: await notice(page), name: await save(page, out("still.png")) };
  },

  async stop() {
    const opened = await openPage({ executable: job.executable });
    const { page } = opened;
    await page.locator("#photo-file").setInputFiles(job.photo);
    await page.waitForFunction(() => document.getElementById("status").textContent.startsWith("Painting"));
    await page.locator("#stop").click();
    const stopped = await settled(page);
    const saveable = await page.locator("#save").isEnabled();
    return { ...opened, stopped, saveable, after: await choosePhoto(page, job.small) };
  },

  /** Stop while a photo is being opened: the one before stays, on the wall and under the brush. */
  async stopOpening() {
    const opened = await openPage({ executable: job.executable });
    const { page } = opened;
    await choosePhoto(page, job.photo);
    await page.evaluate(() => {
      const stop = document.getElementById("stop");
      const watcher = new MutationObserver(() => stop.hidden || (watcher.disconnect(), stop.click()));
      watcher.observe(stop, { attributes: true });
    });
    await page.locator("#photo-file").setInputFiles(job.other);
    const stopped = await settled(page);
    await page.waitForTimeout(1000); // the answer that nobody waits for any more
    await chooseStyle(page, job.style);
    return { ...opened, stopped, name: await save(page, out("stopped.png")) };
  },

  async camera() {
    const opened = await withCamera("Take the photo");
    const { page } = opened;
    await page.locator("#facts:not(:empty)").waitFor();
    await settled(page);
    return { ...opened, facts: await page.locator("#facts").innerText(), name: await save(page, out("camera.png")) };
  },

  async live() {
    const opened = await withCamera("Paint live");
    const { page } = opened;
    // told twice: the pictures that are counted for the first time may have been begun before
    const changed = async () => {
      for (let time = 0; time < 2; time++) {
        await page.evaluate(() => delete document.body.dataset.live);
        await page.waitForFunction(() => document.body.dataset.live, undefined, { timeout: 60_000 });
      }
    };
    // ten pictures a second, or as many as there can be at the smallest size
    const held = () =>
      page.waitForFunction(
        () => {
          const [width, height, rate] = (document.body.dataset.live ?? "").match(/\d+/g)?.map(Number) ?? [];
          return rate >= 10 || width * height < 3600;
        },
        undefined,
        { timeout: 60_000 },
      );
    await held();
    const captions = [];
    for (const [title, path] of job.styles) {
      await page.getByRole("radio", { name: title }).check({ force: true });
      await changed();
      captions.push(await page.locator("#caption").innerText());
      await save(page, out(path));
    }
    await page.locator("#strength").fill("0");
    await changed();
    await save(page, out("photo.png"));
    await page.getByRole("button", { name: "Record" }).click();
    await page.waitForTimeout(2500);
    const film = await save(page, out("film"), "#record");
    const size = await page.evaluate(() => document.getElementById("facts").textContent);
    await page.locator("#strength").fill("100");
    await page.getByRole("button", { name: "Take the photo" }).click();
    await page.waitForFunction(() => !document.body.classList.contains("live"));
    const status = await settled(page);
    return { ...opened, captions, film, size, status, facts: await page.locator("#facts").innerText() };
  },

  async liveStopped() {
    const before = "delete Navigator.prototype.serviceWorker"; // which would fetch by itself what is held back here
    const prepare = (page) => page.route("**/*.onnx*", () => {}); // never answered
    const opened = await withCamera("Paint live", { before, prepare });
    const { page } = opened;
    await page.locator("#stop").click();
    const stopped = await page.locator("#status").innerText();
    const live = await page.evaluate(() => document.body.classList.contains("live"));
    const camera = await page.evaluate(() => !!document.getElementById("camera-view").srcObject);
    await page.unrouteAll();
    return { ...opened, stopped, live, camera, status: await choosePhoto(page, job.photo) };
  },

  async keyboard() {
    const opened = await openPage({ executable: job.executable });
    const { page } = opened;
    await page.getByRole("radio").first().waitFor({ state: "attached" });
    const before = await tabbed(page, 5);
    await page.getByRole("button", { name: "Take this cat" }).press("Enter");
    await page.locator("#facts:not(:empty)").waitFor();
    await settled(page);
    await page.keyboard.press("ArrowDown"); // the styles have the focus
    await settled(page);
    const caption = await page.locator("#caption").innerText();
    const after = await tabbed(page, 6);
    await page.locator("#split").focus();
    await page.keyboard.press("Home");
    const split = await page.locator("#split").getAttribute("aria-valuetext");
    return { ...opened, before, caption, after, split, tree: await page.locator("body").ariaSnapshot() };
  },

  async phone() {
    const opened = await openPage({ executable: job.executable, ...PHONE });
    const { page } = opened;
    await choosePhoto(page, job.photo);
    const sizes = await page.evaluate(() => {
      const { scrollWidth, scrollHeight } = document.documentElement;
      const edges = (name) => document.querySelector(name).getBoundingClientRect().toJSON();
      return { scrollWidth, scrollHeight, save: edges("#save"), picture: edges("#picture") };
    });
    return { ...opened, sizes };
  },

  async screenshot() {
    const options = job.phone ? { ...PHONE, deviceScaleFactor: 2 } : { viewport: { width: 1440, height: 900 } };
    const opened = await openPage({ executable: job.executable, ...options, colorScheme: job.scheme ?? "light" });
    const { page } = opened;
    await choosePhoto(page, job.photo);
    await chooseStyle(page, job.style);
    await page.locator("#offline").waitFor({ state: "visible" });
    await page.waitForTimeout(1500); // the painting comes into sight
    await page.screenshot({ path: out("screenshot.png") });
    return opened;
  },

  /** Paints once for each line of stdin, and answers with the seconds that it took. */
  async bench() {
    const query = `?engine=wasm&threads=${job.threads}`;
    const opened = await openPage({ executable: job.executable, query });
    const { page } = opened;
    await choosePhoto(page, job.photo);
    await chooseStyle(page, job.style);
    let percent = 100;
    for await (const line of createInterface({ input: process.stdin })) {
      if (line === "end") break;
      percent = percent === 100 ? 99 : 100; // another strength, another painting; the work is the same
      await setStrength(page, percent);
      console.log(await page.evaluate(() => document.body.dataset.engine));
    }
    return opened;
  },
};

const { page, context, closeServer, close, ...seen } = await walks[walk]();
console.log(JSON.stringify(seen));
await close();
process.exit(0);
