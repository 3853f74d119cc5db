// onnxruntime-web, on the graphics processor (WebGPU) or on the processor (WebAssembly, with threads where it may).
import type * as Ort from "onnxruntime-web";
import wasmGlue from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmBinary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import webgpuGlue from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import webgpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import { download, type Progress } from "./download";

export type EngineName = "webgpu" | "wasm";
export type Session = Ort.InferenceSession;
export type Engine = { ort: typeof Ort; name: EngineName; threads: number };

declare const ENGINE_BYTES: Record<EngineName, number>;

const FILES = {
  wasm: { glue: wasmGlue, binary: wasmBinary },
  webgpu: { glue: webgpuGlue, binary: webgpuBinary },
};
export const ENGINE_URLS = Object.values(FILES).map((file) => new URL(file.binary, import.meta.url).href);

export async function loadEngine(name: EngineName, threads: number, progress: Progress): Promise<Engine> {
  const [ort, binary] = await Promise.all([
    (name === "webgpu" ? import("onnxruntime-web/webgpu") : import("onnxruntime-web/wasm")) as Promise<typeof Ort>,
    download(new URL(FILES[name].binary, import.meta.url).href, ENGINE_BYTES[name], progress),
  ]);
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmBinary = binary.buffer;
  ort.env.wasm.wasmPaths = { mjs: new URL(FILES[name].glue, import.meta.url).href };
  return { ort, name, threads };
}

export function openSession(engine: Engine, model: Uint8Array, provider: EngineName = engine.name): Promise<Session> {
  return engine.ort.InferenceSession.create(model, { executionProviders: [provider], logSeverityLevel: 3 });
}

/** Run a session on RGB bytes; `weights` are how much of each style, in a file of several. */
export async function stylize(
  { ort }: Engine, session: Session, rgb: Uint8Array, width: number, height: number, strength: number,
  weights: number[] = [],
): Promise<Uint8Array> {
  const feeds: Record<string, Ort.Tensor> = { image: new ort.Tensor("uint8", rgb, [1, height, width, 3]) };
  if (session.inputNames.includes("strength")) feeds.strength = new ort.Tensor("float32", [strength], []);
  if (session.inputNames.includes("style")) feeds.style = new ort.Tensor("float32", weights, [weights.length]);
  const { stylized } = await session.run(feeds);
  const data = await stylized.getData();
  stylized.dispose();
  return data as Uint8Array;
}
