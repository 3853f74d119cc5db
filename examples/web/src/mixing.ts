// Weighted means along the rows and columns of pictures: other sizes, as Pillow makes them, and blurring.

export type Bytes = Uint8ClampedArray<ArrayBuffer>; // rounds and clamps what is put into it
export type Floats = Float32Array<ArrayBuffer>;

export interface Size {
  width: number;
  height: number;
}

/** One value as a weighted mean of those from `first` on. */
interface Mix {
  first: number;
  weights: Float64Array;
}

/** How each of `to` values comes from `from`, by a kernel that is 0 beyond `reach`. */
function between(from: number, to: number, reach: number, kernel: (distance: number) => number): Mix[] {
  const scale = from / to;
  const wide = Math.max(scale, 1);
  return Array.from({ length: to }, (_, index) => {
    const centre = (index + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach * wide + 0.5));
    const end = Math.min(from, Math.floor(centre + reach * wide + 0.5));
    const weights = Float64Array.from({ length: end - first }, (_, at) => kernel((first + at + 0.5 - centre) / wide));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/** How each of `length` values comes from itself and its neighbours, the edge repeated outside. */
export function around(length: number, weights: number[]): Mix[] {
  const reach = weights.length >> 1;
  return Array.from({ length }, (_, index) => {
    const first = Math.max(0, index - reach);
    const last = Math.min(length - 1, index + reach);
    const mix = { first, weights: new Float64Array(last - first + 1) };
    weights.forEach((weight, at) => {
      mix.weights[Math.min(last, Math.max(first, index + at - reach)) - first] += weight;
    });
    return mix;
  });
}

/** `values`, `[outer, length, inner]`, mixed along `length`. */
export function mixed<T extends Bytes | Floats>(values: T, length: number, inner: number, mixes: Mix[]): T {
  const outer = values.length / (length * inner);
  const result = new (values.constructor as new (size: number) => T)(outer * mixes.length * inner);
  let to = 0;
  for (let block = 0; block < outer; block++) {
    for (const { first, weights } of mixes) {
      const start = (block * length + first) * inner;
      for (let from = start; from < start + inner; from++, to++) {
        let sum = 0;
        for (let at = 0; at < weights.length; at++) sum += weights[at] * values[from + at * inner];
        result[to] = sum;
      }
    }
  }
  return result;
}

const triangle = (distance: number) => Math.max(0, 1 - Math.abs(distance));
const sinc = (value: number) => (value === 0 ? 1 : Math.sin(Math.PI * value) / (Math.PI * value));
const lanczos = (distance: number) => (Math.abs(distance) < 3 ? sinc(distance) * sinc(distance / 3) : 0);

/** Pixels, any number of channels, at another size: colours by Lanczos' filter, single numbers bilinear. */
export function resized<T extends Bytes | Floats>(values: T, { width, height }: Size, to: Size): T {
  const colors = values instanceof Uint8ClampedArray;
  const mixes = (from: number, to: number) => between(from, to, colors ? 3 : 1, colors ? lanczos : triangle);
  const channels = values.length / (width * height);
  const rows = mixed(values, width, channels, mixes(width, to.width));
  return mixed(rows, height, to.width * channels, mixes(height, to.height));
}
