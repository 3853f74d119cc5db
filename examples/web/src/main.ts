// The page: what its controls do. Everything is worked out in the worker, on this device.
import { closeCamera, hasCamera, lostCamera, openCamera, shoot, video } from "./camera";
import { byId, make } from "./dom";
import { takeFiles } from "./drop";
import { Live } from "./live";
import { autoStroke, type Look } from "./look";
import { NotAModel } from "./model";
import { hideNotice, notice } from "./notice";
import { keepPage, keepStyles, takeShared } from "./offline";
import { showPainting, showPhoto, toFile } from "./picture";
import { beginRecording, canRecord, endRecording, isRecording } from "./recording";
import { addModel, chosenStyle, focusShelf, loadShelf, type Style } from "./shelf";
import { Refused, Studio } from "./studio";
import { lacking } from "./support";

const QUICK = 0.4; // seconds: what takes no longer is painted while a slider is being moved

const NO_CAMERA = "The camera cannot be used: there is none, or this page may not use it.";

const studio = new Studio();
const strength = byId("strength", HTMLInputElement);
const stroke = byId("stroke", HTMLSelectElement);
const keepColors = byId("keep-colors", HTMLInputElement);
const status = byId("status", HTMLElement);
const amount = byId("amount", HTMLElement);
const bar = byId("progress", HTMLProgressElement);
const stop = byId("stop", HTMLButtonElement);
const saves = document.querySelectorAll<HTMLButtonElement>("[data-action^=save]");
const photoFile = byId("photo-file", HTMLInputElement);
const modelFile = byId("model-file", HTMLInputElement);

let photoName = "";
let styleName = ""; // of what hangs on the wall
let shelf: Style[] = [];
let asked = 0; // counts what was asked for: answers to anything but the last are passed over
let opening = 0; // the one of these that opens a photo, until it is open
let took = Infinity; // seconds of the last painting of this photo
let rate = 0; // seconds a pixel that the network saw, of the last painting
let clock = 0;
let keeping = false;
let live: Live | undefined; // while the camera is painted

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

function say(text: string): void {
  if (status.textContent !== text) status.textContent = text;
}

function working(text: string): void {
  clearInterval(clock);
  say(text);
  amount.textContent = "";
  bar.removeAttribute("value");
  bar.hidden = stop.hidden = false;
}

function idle(text: string): void {
  clearInterval(clock);
  say(text);
  amount.textContent = "";
  bar.hidden = stop.hidden = true;
}

const photoPixels = () => (studio.photo ? studio.photo.width * studio.photo.height : 0);
const strokeSize = () => Number(stroke.value) || autoStroke(photoPixels()); // no number: auto
const seenPixels = () => photoPixels() / strokeSize() ** 2;

/** A painting is one step, whose length can only be told from that of the last. */
function painting(): void {
  working("Painting…");
  const seconds = rate * seenPixels();
  if (seconds < 2) return;
  amount.textContent = `about ${Math.ceil(seconds)} s`;
  const start = performance.now();
  clock = window.setInterval(() => (bar.value = Math.min(0.97, (performance.now() - start) / 1000 / seconds)), 100);
}

studio.onprogress = (stage, loaded, total) => {
  if (stage === "painting") return live || painting();
  working(stage === "engine" ? "Getting the paint ready…" : "Getting the style…");
  amount.textContent = `${megabytes(loaded)} of ${megabytes(total)} MB`;
  bar.value = loaded / total;
};

/** What is said of a photo that the memory may not hold, with a size that it may. */
function offerSmaller(file: File, width: number, height: number, pixels: number): void {
  const scale = Math.sqrt(pixels / (width * height));
  const size = { width: Math.max(1, Math.floor(width * scale)), height: Math.max(1, Math.floor(height * scale)) };
  idle("");
  notice(
    `${file.name} has ${width} × ${height} pixels, more than the page can paint in the memory that it may take here.`,
    { label: `Paint it at ${size.width} × ${size.height}`, act: () => void openPhoto(file, size) },
  );
}

async function openPhoto(file: File, size?: { width: number; height: number }): Promise<void> {
  endLive();
  const mine = (opening = ++asked);
  hideNotice();
  working("Opening the photo…");
  try {
    const opened = await studio.open(file, size);
    if (mine !== asked) return opened?.bitmap.close();
    if (!opened) return await openPhoto(file, size); // the worker was replaced meanwhile, for what it had painted
    opening = 0;
    studio.photo = opened.photo;
    photoName = file.name.replace(/\.\w+$/, "") || "photo";
    took = Infinity;
    saveable(false);
    const chosenThere = byId("invitation", HTMLElement).contains(document.activeElement);
    document.body.classList.remove("empty");
    if (chosenThere) focusShelf();
    byId("picture", HTMLElement).setAttribute("aria-label", `${photoName}, ${opened.width} by ${opened.height} pixels`);
    byId("facts", HTMLElement).textContent =
      `${opened.width} × ${opened.height} px` +
      (size || opened.reduced ? ", made smaller" : "") + (opened.flattened ? ", on white where it was transparent" : "");
    showPhoto(opened.bitmap);
    await repaint();
  } catch (error) {
    if (mine !== asked) return;
    opening = 0;
    explain(error, file);
    void repaint(); // the photo that is still there, in what was chosen meanwhile
  }
}

const lookOf = (style: Style): Look => ({
  strength: style.dial ? strength.valueAsNumber / 100 : 1,
  stroke: live ? Number(stroke.value) || 1 : strokeSize(),
  keepColors: keepColors.checked,
});

async function repaint(): Promise<void> {
  const style = chosenStyle();
  const { photo } = studio;
  if (live && style) return showCaption(style);
  if (!style || !photo || opening === asked) return; // a photo that is being opened is painted when it is open
  const mine = ++asked;
  const look = lookOf(style);
  try {
    if (look.strength === 0) {
      finish(null, style, "The photo as it is.");
      return;
    }
    working("Painting…");
    const size = look.stroke;
    const painted = await studio.paint(style, look);
    if (mine !== asked || !painted) return painted?.bitmap.close();
    took = painted.seconds;
    rate = took / seenPixels();
    document.body.dataset.engine = `${painted.engine}, ${painted.threads} threads, ${painted.seconds.toFixed(4)} s`;
    const enlarged = stroke.value === "auto" && size > 1 ? `, strokes ${size.toFixed(1)} times as large` : "";
    finish(painted.bitmap, style, `Painted in ${took.toFixed(took < 10 ? 1 : 0)} s${enlarged}`);
    if (!keeping) {
      keeping = true;
      void keepStyles(shelf);
    }
  } catch (error) {
    if (mine === asked) explain(error, photo.file as File, style);
  }
}

function saveable(can: boolean): void {
  for (const save of saves) save.disabled = !can;
}

function showCaption(style: Style): void {
  styleName = style.name;
  const caption = byId("caption", HTMLElement);
  const licence = style.style_license && make("span", "licence", ` · ${style.style_license}`);
  caption.replaceChildren(make("cite", "", style.title), style.credit && `, ${style.credit}`, licence);
}

function finish(bitmap: ImageBitmap | null, style: Style, text: string): void {
  showPainting(bitmap);
  showCaption(style);
  saveable(true);
  idle(text);
}

/** Say what went wrong, and what can be done. */
function explain(error: unknown, file: File, style?: Style): void {
  const trouble = error instanceof Refused ? error.trouble : "engine";
  idle("");
  if (trouble === "memory" && studio.photo && style) {
    const { width, height } = studio.photo;
    return offerSmaller(file, width, height, (width * height) / 2);
  }
  const again = { label: "Try again", act: () => void (style ? repaint() : openPhoto(file)) };
  if (trouble === "picture") {
    notice(`${file.name} is not a picture that this browser can read. Choose a JPEG, PNG, WebP, GIF or AVIF file.`);
  } else if (trouble === "network") {
    const what = style?.title ?? "The style";
    notice(`${what} could not be loaded: there is no connection to where this page came from.`, again);
  } else if (trouble === "model") {
    notice(`${style?.title ?? "The model"} ${(error as Error).message}`, again);
  } else if (trouble === "memory") {
    notice(`${file.name} is too large for the memory that the page may take here. Make it smaller first.`);
  } else {
    notice(`The page cannot paint in this browser: ${(error as Error).message || "its worker did not start"}.`, again);
  }
}

async function openModel(file: File): Promise<void> {
  hideNotice();
  try {
    const style = await addModel(file);
    if (!studio.photo && opening !== asked) idle(`${style.title} is ready: now choose a photo.`);
  } catch (error) {
    notice(error instanceof NotAModel ? error.message : `${file.name} could not be read.`);
  }
}

const opened = (file: File | null | undefined) =>
  file && void (/\.onnx$/i.test(file.name) ? openModel(file) : openPhoto(file));

function saveFile(data: Blob, suffix: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(data);
  link.download = `${photoName}-${styleName}.${suffix}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  say(`Saved ${link.download}`);
}

async function save(type: "png" | "jpeg"): Promise<void> {
  try {
    saveFile(await toFile(`image/${type}`), type.replace("e", ""));
  } catch {
    notice("The picture is too large for this browser to save.");
  }
}

/** Paint what the camera sees, until a photo is taken or opened. */
async function goLive(): Promise<void> {
  endLive(false);
  const mine = (live = new Live());
  const style = chosenStyle();
  if (!style) return endLive();
  asked++;
  hideNotice();
  photoName = "camera";
  saveable(false);
  document.body.classList.remove("empty");
  document.body.classList.add("live");
  document.body.classList.toggle("mirrored", video.classList.contains("mirrored"));
  showCaption(style);
  lostCamera(() => mine === live && (endLive(), notice("The camera has been taken away.")));
  try {
    const wanted = () => {
      const chosen = chosenStyle() ?? style;
      return { style: chosen, look: lookOf(chosen) };
    };
    await mine.run(studio, video, wanted, ({ width, height, rate }) => {
      const facts = `${width} × ${height} px, ${Math.round(rate)} a second`;
      byId("facts", HTMLElement).textContent = document.body.dataset.live = facts;
      idle(isRecording() ? "Recording…" : "The camera, live.");
      saveable(true);
    });
  } catch (error) {
    if (mine !== live) return;
    endLive();
    notice(`The camera's picture cannot be painted: ${(error as Error).message || "the worker did not start"}.`);
  }
}

function endLive(letGo = true): void {
  if (isRecording()) endRecording();
  if (live) studio.photo = undefined;
  live?.stop();
  live = undefined;
  if (letGo) closeCamera();
  document.body.classList.remove("live", "mirrored");
}

async function openExample(): Promise<void> {
  const response = await fetch(new URL("styles/example.png", document.baseURI)).catch(() => undefined);
  if (!response?.ok) return notice("The example could not be loaded.");
  await openPhoto(new File([await response.blob()], "cat.png", { type: "image/png" }));
}

const actions: Record<string, () => void> = {
  choose: () => photoFile.click(),
  model: () => modelFile.click(),
  example: () => void openExample(),
  savePng: () => void save("png"),
  saveJpeg: () => void save("jpeg"),
  camera: () => void openCamera().then(
    (taken) => (taken === "live" ? void goLive() : opened(taken)),
    () => notice(NO_CAMERA),
  ),
  record: () => (isRecording() ? endRecording() : beginRecording(saveFile)),
  freeze: () => void shoot().then(openPhoto),
};

function listen(): void {
  for (const button of document.querySelectorAll<HTMLElement>("[data-action]")) {
    button.addEventListener("click", () => actions[button.dataset.action ?? ""]());
  }
  for (const input of [photoFile, modelFile]) {
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      input.value = ""; // so that the same file can be chosen again
      if (file) void (input === modelFile ? openModel(file) : openPhoto(file));
    });
  }
  byId("styles", HTMLFieldSetElement).addEventListener("change", () => {
    const { dial = true } = chosenStyle() ?? {};
    strength.disabled = !dial;
    byId("no-dial", HTMLElement).hidden = dial;
    byId("dial", HTMLElement).classList.toggle("none", !dial);
    void repaint();
  });
  strength.addEventListener("input", () => {
    byId("strength-shown", HTMLOutputElement).textContent = `${strength.value} %`;
  });
  for (const moved of [strength, byId("blend", HTMLFieldSetElement)]) {
    moved.addEventListener("input", () => void (took < QUICK && repaint()));
    moved.addEventListener("change", () => void (took < QUICK || repaint()));
  }
  for (const control of [stroke, keepColors]) control.addEventListener("change", () => void repaint());
  stop.addEventListener("click", () => {
    asked++;
    endLive();
    studio.stop();
    idle("Stopped.");
  });
  takeFiles(opened);
}

async function begin(): Promise<void> {
  const reason = lacking();
  if (reason) {
    document.body.classList.add("unable");
    return notice(reason);
  }
  listen();
  document.body.classList.toggle("no-camera", !hasCamera());
  byId("record", HTMLButtonElement).hidden = !canRecord();
  keepPage();
  try {
    shelf = await loadShelf();
  } catch {
    return notice("The styles could not be loaded.", { label: "Try again", act: () => location.reload() });
  }
  opened(await takeShared().catch(() => null)); // there is none on http:// and in some private windows
}

void begin();
