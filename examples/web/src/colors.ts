// Colours by lightness, hue and chroma: Ottosson 2020, "A perceptual color space for image processing".

type Triple = [number, number, number];
type Matrix = [Triple, Triple, Triple];

const CONES: Matrix = [
  [0.4122214708, 0.5363325363, 0.0514459929],
  [0.2119034982, 0.6806995451, 0.1073969566],
  [0.0883024619, 0.2817188376, 0.6299787005],
];
const LAB: Matrix = [
  [0.2104542553, 0.793617785, -0.0040720468],
  [1.9779984951, -2.428592205, 0.4505937099],
  [0.0259040371, 0.7827717662, -0.808675766],
];
const FROM_LAB: Matrix = [
  [1, 0.3963377774, 0.2158037573],
  [1, -0.1055613458, -0.0638541728],
  [1, -0.0894841775, -1.291485548],
];
const FROM_CONES: Matrix = [
  [4.0767416621, -3.3077115913, 0.2309699292],
  [-1.2684380046, 2.6097574011, -0.3413193965],
  [-0.0041960863, -0.7034186147, 1.707614701],
];
const LINEAR = Float64Array.from({ length: 256 }, (_, level) =>
  level <= 10 ? level / 255 / 12.92 : ((level / 255 + 0.055) / 1.055) ** 2.4,
);

const times = ([x, y, z]: Matrix, [a, b, c]: Triple): Triple => [
  x[0] * a + x[1] * b + x[2] * c,
  y[0] * a + y[1] * b + y[2] * c,
  z[0] * a + z[1] * b + z[2] * c,
];

function toLab(rgb: Uint8Array, at: number): Triple {
  const [long, middle, short] = times(CONES, [LINEAR[rgb[at]], LINEAR[rgb[at + 1]], LINEAR[rgb[at + 2]]]);
  return times(LAB, [Math.cbrt(long), Math.cbrt(middle), Math.cbrt(short)]);
}

function toLinear(lightness: number, a: number, b: number): Triple {
  const [long, middle, short] = times(FROM_LAB, [lightness, a, b]);
  return times(FROM_CONES, [long ** 3, middle ** 3, short ** 3]);
}

const fits = (color: Triple) => color.every((value) => value >= -1e-4 && value <= 1 + 1e-4);
const encoded = (linear: number) =>
  255 * (linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055);

/** The lightness of a painting, RGB bytes, with the photo's hue and chroma; less chroma where sRGB has no such colour. */
export function withColorsOf(photo: Uint8Array, painted: Uint8Array): Uint8Array {
  const result = new Uint8ClampedArray(photo.length);
  for (let at = 0; at < photo.length; at += 3) {
    const [, a, b] = toLab(photo, at);
    const [lightness] = toLab(painted, at);
    let color = toLinear(lightness, a, b);
    if (!fits(color)) {
      let [low, high] = [0, 1];
      for (let time = 0; time < 8; time++) {
        const middle = (low + high) / 2;
        if (fits(toLinear(lightness, a * middle, b * middle))) low = middle;
        else high = middle;
      }
      color = toLinear(lightness, a * low, b * low);
    }
    for (let channel = 0; channel < 3; channel++) result[at + channel] = encoded(Math.max(0, color[channel]));
  }
  return new Uint8Array(result.buffer);
}
