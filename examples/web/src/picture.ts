// The picture on the wall: the painting, the photo over it, and the edge between them that can be moved.
import { byId } from "./dom";

const figure = byId("picture", HTMLElement);
const split = byId("split", HTMLInputElement);
const canvases = { photo: byId("photo", HTMLCanvasElement), painting: byId("painting", HTMLCanvasElement) };
const LONGEST = 1280; // px of a live picture: its canvas keeps its size, whatever size it is painted at, to be recorded
const QUALITY = 0.95; // of JPEG
const REVEAL = 900; // ms
const RESTS_AT = 24; // per cent of the photo that stay in sight

let revealing = 0;

function draw(canvas: HTMLCanvasElement, bitmap: CanvasImageSource, width: number, height: number): void {
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d", { alpha: false })?.drawImage(bitmap, 0, 0);
}

function moveSplit(value: number): void {
  split.value = String(value);
  figure.style.setProperty("--split", `${value}%`);
  split.setAttribute("aria-valuetext", `photo on the left ${Math.round(value)} per cent`);
}

/** Hang a photo, not painted yet. */
export function showPhoto(bitmap: ImageBitmap): void {
  cancelAnimationFrame(revealing);
  draw(canvases.photo, bitmap, bitmap.width, bitmap.height);
  canvases.painting.width = canvases.painting.height = 0;
  figure.style.setProperty("--ratio", String(bitmap.width / bitmap.height));
  figure.classList.remove("painted");
  bitmap.close();
}

/** Put a painting under the photo; the first of a photo comes into sight from the right. Null: the photo itself. */
export function showPainting(bitmap: ImageBitmap | null): void {
  const { photo, painting } = canvases;
  draw(painting, bitmap ?? photo, photo.width, photo.height);
  bitmap?.close();
  if (figure.classList.contains("painted")) return;
  figure.classList.add("painted");
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return moveSplit(RESTS_AT);
  const start = performance.now();
  const step = (now: number) => {
    const left = (1 - Math.min(1, Math.max(0, now - start) / REVEAL)) ** 3;
    moveSplit(RESTS_AT + (100 - RESTS_AT) * left);
    if (left > 0) revealing = requestAnimationFrame(step);
  };
  moveSplit(100);
  revealing = requestAnimationFrame(step);
}

/** Hang a painting of the camera's picture, of `across` by `down` pixels. */
export function showLive(bitmap: ImageBitmap, across: number, down: number): void {
  const scale = Math.min(1, LONGEST / Math.max(across, down));
  const [width, height] = [across, down].map((side) => Math.round((side * scale) / 2) * 2); // even, as films want it
  const { painting } = canvases;
  if (painting.width !== width || painting.height !== height) {
    cancelAnimationFrame(revealing);
    [painting.width, painting.height] = [width, height];
    canvases.photo.width = canvases.photo.height = 0;
    figure.style.setProperty("--ratio", String(width / height));
    figure.classList.remove("painted");
  }
  const context = painting.getContext("2d", { alpha: false });
  if (context) context.imageSmoothingQuality = "high";
  context?.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
}

/** The painting at its full size as a file of `type`: image/png, or image/jpeg of apply-style's quality. */
export function toFile(type: string): Promise<Blob> {
  return new Promise((resolve, reject) => {
    const done = (blob: Blob | null) => (blob ? resolve(blob) : reject(new Error("no room for the picture")));
    canvases.painting.toBlob(done, type, QUALITY);
  });
}

split.addEventListener("input", () => {
  cancelAnimationFrame(revealing);
  moveSplit(split.valueAsNumber);
});
