// What a browser must have for the page to paint.

// a module of one function that gives a vector: WebAssembly with SIMD, which all browsers have had since 2023
const VECTORS = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, 8, 1, 6, 0, 0x41, 0, 0xfd, 0x0f, 0x0b,
);

/** Why this browser cannot paint, or nothing. */
export function lacking(): string | undefined {
  if (typeof WebAssembly === "undefined") {
    return (
      "This browser has no WebAssembly, with which the page paints: it may be switched off, as some strict modes do. " +
      "Allow it for this page, or use another browser."
    );
  }
  if (!WebAssembly.validate(VECTORS) || typeof OffscreenCanvas === "undefined") {
    return "This browser is too old for the page to paint in it: use a current Chrome, Edge, Firefox or Safari.";
  }
  return undefined;
}
