// Runs a model in onnxruntime-node or onnxruntime-web on raw pictures: node engines.mjs ENGINE JOB.json
// The job: {model, warmUp, repeats, runs: [{image, output, sides: [height, width], strength: number or null}]}, files of bytes.
// Prints {runs: [{milliseconds} or {error}]}; times are medians of what comes after the warm-up.
import { readFileSync, writeFileSync } from "node:fs";

const [engine, file] = process.argv.slice(2);
const job = JSON.parse(readFileSync(file, "utf8"));
const web = engine === "onnxruntime-web";
const loaded = await import(web ? "onnxruntime-web/wasm" : "onnxruntime-node");
const ort = loaded.default ?? loaded;
if (web) ort.env.wasm.numThreads = 1; // its threads need a browser's workers
const options = { executionProviders: [web ? "wasm" : "cpu"], logSeverityLevel: 4, intraOpNumThreads: 1 };
const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(job.model)), options);

async function run({ image, output, sides, strength }) {
  const pixels = new ort.Tensor("uint8", new Uint8Array(readFileSync(image)), [1, ...sides, 3]);
  const feeds = { image: pixels };
  if (strength !== null) feeds.strength = new ort.Tensor("float32", [strength], []);
  const times = [];
  let found;
  for (let turn = job.repeats > 1 ? -job.warmUp : 0; turn < job.repeats; turn++) {
    const start = performance.now();
    found = await session.run(feeds);
    if (turn >= 0) times.push(performance.now() - start);
  }
  writeFileSync(output, found.stylized.data);
  return { milliseconds: times.sort((a, b) => a - b)[times.length >> 1] };
}

const runs = [];
for (const each of job.runs) runs.push(await run(each).catch((error) => ({ error: String(error.message ?? error) })));
console.log(JSON.stringify({ runs }));
process.exit(0); // the WASM runtime would keep the process waiting
