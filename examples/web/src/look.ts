// What is done around the network, as `Stylizer` does it: strokes of another size, and the photo's own colours.
// infer/impasto/painting/dials.py has the reasons and the sources.

import { around, type Bytes, type Floats, mixed, resized, type Size } from "./mixing";
import { withColorsOf } from "./colors";

/** RGB bytes, row by row. */
export interface Picture extends Size {
  rgb: Uint8Array;
}

export interface Look {
  strength: number;
  stroke: number;
  keepColors: boolean;
}

const LARGE = 3_000_000;
const AS_LARGE_AS = 1024 * 768;
const MOST = 8;
const LUMA = [0.299, 0.587, 0.114];
const FLAT = 5;
const STEEPEST = 2;
const FIVE = [0.2, 0.2, 0.2, 0.2, 0.2];
const SOFT = [0.06, 0.88, 0.06]; // three times: the Gaussian of 0.6 px
const SHARPER = 1.5;

/** The stroke that `auto` stands for in a photo of so many pixels. */
export const autoStroke = (pixels: number) =>
  pixels > LARGE ? Math.min(Math.sqrt(pixels / AS_LARGE_AS), MOST) : 1;

/** A photo painted by `network`, which is given what it is to see. */
export async function restyled(
  photo: Picture,
  { strength, stroke, keepColors }: Look,
  network: (seen: Picture) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  let painted: Uint8Array;
  if (stroke === 1) painted = await network(photo);
  else {
    const [width, height] = [photo.width, photo.height].map((side) => Math.max(1, toEven(side / stroke)));
    const seen = { rgb: plain(resized(clamped(photo.rgb), photo, { width, height })), width, height };
    painted = broughtUp(photo, seen, await network(seen), strength);
  }
  return keepColors ? withColorsOf(photo.rgb, painted) : painted;
}

const clamped = (rgb: Uint8Array): Bytes => new Uint8ClampedArray(rgb);
const plain = ({ buffer }: Bytes) => new Uint8Array(buffer);

/** The nearest whole number, of two the even one. */
function toEven(value: number): number {
  const nearest = Math.round(value);
  return nearest - value === 0.5 && nearest % 2 ? nearest - 1 : nearest;
}

/** A painting of what the network saw of the photo, fewer pixels or more, brought up to the photo. */
function broughtUp(
  photo: Picture, seen: Picture, painting: Uint8Array, strength: number,
): Uint8Array {
  const smaller = seen.rgb.length < photo.rgb.length;
  const slope = smaller && resized(slopes(seen, painting), seen, photo);
  const [before, after] = [seen.rgb, painting].map((rgb) => {
    const pixels = clamped(rgb);
    return resized(smaller ? sharpened(pixels, seen) : pixels, seen, photo);
  });
  const { rgb } = photo;
  for (let at = 0; at < rgb.length; at += 3) {
    const lighter = slope ? strength * slope[at / 3] * (luma(rgb, at) - luma(before, at)) : 0;
    for (let each = at; each < at + 3; each++) {
      after[each] += (rgb[each] - before[each]) * (1 - strength) + lighter;
    }
  }
  return plain(after);
}

function sharpened(pixels: Bytes, { width, height }: Size): Bytes {
  let blurred = pixels;
  for (let time = 0; time < 3; time++) blurred = mixed(blurred, width, 3, around(width, SOFT));
  for (let time = 0; time < 3; time++) blurred = mixed(blurred, height, width * 3, around(height, SOFT));
  return pixels.map((value, at) => value + Math.trunc((value - blurred[at]) * SHARPER));
}

const luma = (rgb: ArrayLike<number>, at: number) => rgb[at] * LUMA[0] + rgb[at + 1] * LUMA[1] + rgb[at + 2] * LUMA[2];

/** By how much the lightness of a painting changes with the photo's around each pixel. */
function slopes({ rgb, width, height }: Picture, painting: Uint8Array): Floats {
  const [across, down] = [around(width, FIVE), around(height, FIVE)];
  const boxed = (value: (at: number) => number) => {
    const values = Float32Array.from({ length: width * height }, (_, at) => value(at));
    return mixed(mixed(values, width, 1, across), height, width, down);
  };
  const [before, after] = [rgb, painting].map((pixels) => (at: number) => luma(pixels, 3 * at));
  const [mean, meanAfter] = [boxed(before), boxed(after)];
  const together = boxed((at) => before(at) * after(at));
  const squares = boxed((at) => before(at) ** 2);
  const slope = boxed((at) => (together[at] - mean[at] * meanAfter[at]) / (squares[at] - mean[at] ** 2 + FLAT ** 2));
  return slope.map((value) => Math.min(STEEPEST, Math.max(-STEEPEST, value)));
}
