// The page's side of the worker: one photo and one look at a time, and what is asked for last wins.
import type { EngineName } from "./engine";
import type { Look } from "./look";
import type { Answer, Opened, Painted, PhotoRequest, Request, Source, Trouble } from "./worker";

export type Stage = "engine" | "model" | "painting";

export class Refused extends Error {
  constructor(readonly trouble: Trouble, message: string) {
    super(message);
  }
}

type Photo = PhotoRequest & { width: number; height: number };
type Unsent<T> = T extends Request ? Omit<T, "id"> : never;

const BYTES_PER_PIXEL = 100; // at work: docs/contract.md, and the pictures themselves
const GIB = 2 ** 30;
const MOST_MEMORY = 3.5 * GIB; // WebAssembly has addresses of 32 bits
const SLOW = 2_000_000; // pixels: starting the worker anew is quicker than waiting for a painting of more

/** How many pixels may be painted here: a guess, since no browser says how much memory there is. */
export function mostPixels(): number {
  const { deviceMemory } = navigator as { deviceMemory?: number };
  const memory = deviceMemory ?? (matchMedia("(pointer: coarse)").matches ? 2 : 8);
  return Math.min(MOST_MEMORY, (memory / 2) * GIB) / BYTES_PER_PIXEL;
}

const wishes = new URLSearchParams(location.search); // for comparisons: ?engine=wasm&threads=2

interface Adapter {
  info?: { isFallbackAdapter?: boolean };
  isFallbackAdapter?: boolean; // where older browsers have it
}

/** As many threads as there are cores: half of what the browser counts, where those are many. */
function threadCount(): number {
  if (!crossOriginIsolated) return 1;
  const counted = navigator.hardwareConcurrency || 1;
  return Number(wishes.get("threads")) || Math.max(Math.min(counted, 4), Math.min(counted >> 1, 8));
}

export class Studio {
  #worker = this.#start();
  #waiting = new Map<number, { resolve(value: never): void; reject(error: Refused): void }>();
  #last = 0;
  #painting = 0;
  #engine: EngineName | undefined;
  photo: Photo | undefined;
  /** Told how far loading has come. */
  onprogress: (stage: Stage, loaded: number, total: number) => void = () => {};

  /** Read a photo, at a size if one is given, or made smaller where it is too large for the memory; with what `photo`
   * is to be set to if it is to be painted. */
  async open(file: Blob, size?: { width: number; height: number }): Promise<(Opened & { photo: Photo }) | null> {
    if (this.#painting && this.#isSlow) this.#restart();
    const request: PhotoRequest = { id: ++this.#last, file, ...size };
    const opened = await this.#ask<Opened | null>({ type: "open", photo: request, mostPixels: mostPixels() });
    return opened && { ...opened, photo: { ...request, width: opened.width, height: opened.height } };
  }

  /** Paint the photo that was opened last; null where something else has been asked for since. */
  async paint(style: Source, look: Look): Promise<Painted | null> {
    if (!this.photo) return null;
    if (this.#painting && this.#isSlow) this.#restart();
    this.#engine ??= await chosenEngine();
    const { photo } = this;
    const [run, engine] = [++this.#last, this.#engine];
    this.#painting = run;
    try {
      return await this.#ask<Painted | null>({ type: "paint", engine, threads: threadCount(), photo, style, look });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.trouble === "gpu" && run === this.#painting) {
        this.#engine = "wasm";
        this.#restart();
        return await this.paint(style, look);
      }
      if (error.trouble === "memory") this.#restart(); // what a WebAssembly memory has taken it never gives back
      throw error;
    } finally {
      if (run === this.#painting) this.#painting = 0;
    }
  }

  /** Paint a picture of the camera's, which is closed. */
  async paintFrame(bitmap: ImageBitmap, style: Source, look: Look): Promise<Painted | null> {
    const { width, height } = bitmap;
    this.photo = { id: ++this.#last, file: bitmap, width, height };
    try {
      return await this.paint(style, look);
    } finally {
      bitmap.close();
    }
  }

  /** Give up what is being painted. */
  stop(): void {
    if (this.#painting) this.#restart();
  }

  get #isSlow(): boolean {
    return !!this.photo && this.photo.width * this.photo.height > SLOW;
  }

  #ask<T>(request: Unsent<Request>): Promise<T> {
    const id = ++this.#last;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ ...request, id });
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data: answer }: MessageEvent<Answer>) => {
      const asked = this.#waiting.get(answer.id);
      if (answer.type === "progress") {
        if (asked) this.onprogress(answer.stage, answer.loaded, answer.total);
        return;
      }
      this.#waiting.delete(answer.id);
      if (answer.type === "done") asked?.resolve(answer.value as never);
      else asked?.reject(new Refused(answer.trouble, answer.message));
    });
    worker.addEventListener("error", (event) => {
      for (const asked of this.#waiting.values()) asked.reject(new Refused("engine", event.message ?? ""));
      this.#waiting.clear();
    });
    return worker;
  }

  /** End the worker with all that it does: what was asked of it comes to nothing. */
  #restart(): void {
    this.#worker.terminate();
    for (const asked of this.#waiting.values()) asked.resolve(null as never);
    this.#waiting.clear();
    this.#painting = 0;
    this.#worker = this.#start();
  }
}

/** WebGPU where there is a graphics processor; one that the processor only plays is slower than the processor. */
async function chosenEngine(): Promise<EngineName> {
  const wish = wishes.get("engine");
  if (wish === "wasm" || wish === "webgpu") return wish;
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<Adapter | null> } };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  return adapter && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter) ? "webgpu" : "wasm";
}
