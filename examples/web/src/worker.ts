// The work, off the page's own thread: reading photos, loading engine and styles, painting.
import { download, forget, NotLoaded } from "./download";
import { type Engine, type EngineName, loadEngine, openSession, type Session, stylize } from "./engine";
import { type Look, type Picture, restyled } from "./look";
import { type Model, NotAModel, readModel } from "./model";

export interface Source {
  url: string;
  bytes: number;
  /** Of a file of several styles, how much of each is painted. */
  weights?: number[];
}

/** A photo and the size to work at; `id` tells photos apart. */
export interface PhotoRequest {
  id: number;
  file: Blob | ImageBitmap;
  width?: number;
  height?: number;
}

export interface PaintRequest {
  engine: EngineName;
  threads: number;
  photo: PhotoRequest;
  style: Source;
  look: Look;
}

export type Request =
  | { id: number; type: "open"; photo: PhotoRequest; mostPixels: number }
  | ({ id: number; type: "paint" } & PaintRequest);

/** What went wrong: `gpu` is tried again without, `memory` at a smaller size. */
export type Trouble = "picture" | "network" | "model" | "memory" | "gpu" | "engine";

export interface Opened {
  width: number;
  height: number;
  bitmap: ImageBitmap;
  /** Whether the photo has more than `mostPixels`. */
  reduced: boolean;
  flattened: boolean;
}

export interface Painted {
  bitmap: ImageBitmap;
  seconds: number;
  engine: EngineName;
  threads: number;
}

export type Answer =
  | { id: number; type: "done"; value: Opened | Painted | null }
  | { id: number; type: "progress"; stage: "engine" | "model" | "painting"; loaded: number; total: number }
  | { id: number; type: "failed"; trouble: Trouble; message: string };

class Failed extends Error {
  constructor(readonly trouble: Trouble, message = "") {
    super(message);
  }
}

let photo: (Picture & { id: number }) | undefined;
let engine: Promise<Engine> | undefined;
let session: { url: string; opened: Session } | undefined;
let latest = 0;
let turn: Promise<unknown> = Promise.resolve();
let trusted = false;

const answer = (message: Answer, transfer: Transferable[] = []) => postMessage(message, { transfer });

/** The photo upright, in sRGB, on white, at the size that was asked for. */
async function decode(request: PhotoRequest, mostPixels = Infinity): Promise<Opened> {
  const bitmap = await createImageBitmap(request.file, { imageOrientation: "from-image" }).catch(() => {
    throw new Failed("picture");
  });
  const scale = Math.min(1, Math.sqrt(mostPixels / (bitmap.width * bitmap.height)));
  const width = request.width ?? Math.max(1, Math.floor(bitmap.width * scale));
  const height = request.height ?? Math.max(1, Math.floor(bitmap.height * scale));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Failed("memory");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  let data = pixels(context, width, height);
  const flattened = hasAlpha(data);
  if (flattened) {
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    data = pixels(context, width, height);
  }
  photo = { id: request.id, rgb: withoutAlpha(data), width, height };
  return { width, height, bitmap: canvas.transferToImageBitmap(), reduced: !request.width && scale < 1, flattened };
}

function pixels(context: OffscreenCanvasRenderingContext2D, width: number, height: number): Uint8ClampedArray {
  try {
    return context.getImageData(0, 0, width, height).data;
  } catch {
    throw new Failed("memory");
  }
}

function hasAlpha(rgba: Uint8ClampedArray): boolean {
  for (let at = 3; at < rgba.length; at += 4) if (rgba[at] !== 255) return true;
  return false;
}

function withoutAlpha(rgba: Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
  return rgb;
}

function toBitmap(rgb: Uint8Array, width: number, height: number): Promise<ImageBitmap> {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba[to] = rgb[from];
    rgba[to + 1] = rgb[from + 1];
    rgba[to + 2] = rgb[from + 2];
  }
  return createImageBitmap(new ImageData(rgba, width, height));
}

const SMALL = 64;

/** See to it, once, that the graphics processor paints what the processor does. */
async function checkGpu(running: Engine, { data, styles }: Model): Promise<void> {
  if (running.name !== "webgpu" || trusted) return;
  const noise = Uint8Array.from({ length: SMALL * SMALL * 3 }, (_, index) => (index * 7919) % 251);
  const pictures: Uint8Array[] = [];
  for (const provider of ["webgpu", "wasm"] as const) {
    const opened = await openSession(running, data, provider);
    pictures.push(await stylize(running, opened, noise, SMALL, SMALL, 1, styles.map(() => 1)));
    await opened.release();
  }
  if (pictures[0].some((value, index) => Math.abs(value - pictures[1][index]) > 2)) throw new Error("another picture");
  trusted = true;
}

/** The session of a style; one is kept at a time, since each holds the working memory of its largest picture. */
async function sessionOf(running: Engine, style: Source, report: (loaded: number) => void): Promise<Session> {
  if (session?.url === style.url) return session.opened;
  const model = await readModel(await download(style.url, style.bytes, report)).catch(async (error) => {
    await forget(style.url);
    throw error;
  });
  const before = session;
  session = undefined;
  await before?.opened.release();
  await checkGpu(running, model);
  session = { url: style.url, opened: await openSession(running, model.data) };
  return session.opened;
}

const outOfMemory = (error: unknown) => /bad_alloc|memory|allocat|out of bounds|\bOOM\b/i.test(String(error));

async function paint(request: Request & { type: "paint" }): Promise<Painted | null> {
  const { id, style, look } = request;
  const late = () => id !== latest;
  const report = (stage: "engine" | "model" | "painting", loaded = 0, total = 0) =>
    late() || answer({ id, type: "progress", stage, loaded, total });
  engine ??= loadEngine(request.engine, request.threads, (loaded, total) =>
    answer({ id: latest, type: "progress", stage: "engine", loaded, total }),
  );
  const running = await engine.catch((error) => {
    engine = undefined;
    if (error instanceof NotLoaded) throw error;
    throw new Failed(request.engine === "webgpu" ? "gpu" : "engine", String(error));
  });
  if (late()) return null;
  if (photo?.id !== request.photo.id) (await decode(request.photo)).bitmap.close();
  if (late() || !photo) return null;
  const { width, height } = photo;
  try {
    const opened = await sessionOf(running, style, (loaded) => report("model", loaded, style.bytes));
    if (late()) return null;
    report("painting");
    const start = performance.now();
    const painted = await restyled(photo, look, (seen) =>
      stylize(running, opened, seen.rgb, seen.width, seen.height, look.strength, style.weights),
    );
    const seconds = (performance.now() - start) / 1000;
    return { bitmap: await toBitmap(painted, width, height), seconds, engine: running.name, threads: running.threads };
  } catch (error) {
    if (error instanceof NotLoaded || error instanceof NotAModel) throw error;
    if (running.name === "webgpu") throw new Failed("gpu", String(error));
    throw new Failed(outOfMemory(error) ? "memory" : "model", `does not run in this browser: ${error}`);
  }
}

function trouble(error: unknown): Trouble {
  if (error instanceof Failed) return error.trouble;
  if (error instanceof NotLoaded) return "network";
  if (error instanceof NotAModel) return "model";
  return error instanceof RangeError ? "memory" : "engine"; // an array that cannot be had is a RangeError
}

addEventListener("message", ({ data: request }: MessageEvent<Request>) => {
  const { id } = request;
  if (request.type === "paint") latest = id;
  const work = async () => {
    try {
      let value: Opened | Painted | null = null;
      if (request.type === "open") value = await decode(request.photo, request.mostPixels);
      else if (id === latest) value = await paint(request);
      answer({ id, type: "done", value }, value?.bitmap ? [value.bitmap] : []);
    } catch (error) {
      answer({ id, type: "failed", trouble: trouble(error), message: String((error as Error).message ?? error) });
    }
  };
  turn = turn.then(work); // one thing at a time; what was asked for last is what is painted
});
