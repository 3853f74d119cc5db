// Models of Impasto, read as docs/contract.md has them: onnxruntime-web shows no metadata, so the file itself is read.

/** What is wrong with a file that was to be a model, in words for the person who opened it. */
export class NotAModel extends Error {}

export interface StyleInfo {
  name: string;
  title: string;
  credit: string;
  style_license: string;
  license: string;
}

export interface Model {
  info: StyleInfo;
  /** What each says, of a file of several styles; else empty. */
  styles: StyleInfo[];
  /** A small picture; empty if the file has none. */
  preview: Blob;
  /** Whether the strength can be fed. */
  dial: boolean;
  /** The file as onnxruntime-web takes it: it refuses optional inputs, so `strength` and `style` are required. */
  data: Uint8Array<ArrayBuffer>;
}

const CONTRACT = 2;
const MOST_BYTES = 64 * 2 ** 20;
const LENGTH_DELIMITED = 2;
// fields of onnx.ModelProto, GraphProto, TensorProto and StringStringEntryProto
const IR_VERSION = 1, GRAPH = 7, METADATA = 14, INITIALIZER = 5, TENSOR_NAME = 8, KEY = 1, VALUE = 2;
const NO_MODEL = "is not a model: a model is an .onnx file that Impasto exported.";
const FOREIGN = "is an ONNX file, but not one that Impasto made: train one with train-style.";
const DAMAGED = "is damaged: its bytes are not those that were exported. Get it again.";

interface Field {
  number: number;
  wire: number;
  /** Where the field begins, with its tag. */
  at: number;
  start: number;
  end: number;
}

/** The fields of a protobuf message between two offsets. */
function* fields(data: Uint8Array, start = 0, end = data.length): Generator<Field> {
  let at = start;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= end || scale > 2 ** 63) throw new RangeError("not a protobuf message");
      const byte = data[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < end) {
    const begin = at;
    const tag = varint();
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    let first = at;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === LENGTH_DELIMITED) {
      const length = varint();
      first = at;
      at += length;
    } else throw new RangeError("not a protobuf message");
    if (at > end || number === 0) throw new RangeError("not a protobuf message");
    yield { number, wire, at: begin, start: first, end: at };
  }
}

function text(data: Uint8Array, message: Field, number: number): [string, Field | undefined] {
  const found = [...fields(data, message.start, message.end)].filter((one) => one.number === number).at(-1);
  if (found?.wire !== LENGTH_DELIMITED) return ["", undefined];
  return [new TextDecoder("utf-8", { fatal: true }).decode(data.subarray(found.start, found.end)), found];
}

async function sha256(data: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Take the defaults of inputs out of the graph: what `export-style --dial required` does. */
function withRequired(data: Uint8Array, graph: Field, inputs: string[]): Uint8Array<ArrayBuffer> {
  const kept: Uint8Array[] = [];
  let [found, length] = [0, 0];
  for (const field of fields(data, graph.start, graph.end)) {
    if (field.number === INITIALIZER && inputs.includes(text(data, field, TENSOR_NAME)[0])) found++;
    else length += kept[kept.push(data.subarray(field.at, field.end)) - 1].length;
  }
  if (found < inputs.length) throw new NotAModel("lacks the inputs that its metadata speak of.");
  const head: number[] = [GRAPH * 8 + LENGTH_DELIMITED];
  for (; length > 127; length = Math.floor(length / 128)) head.push((length % 128) + 128);
  head.push(length);
  const parts = [data.subarray(0, graph.at), Uint8Array.from(head), ...kept, data.subarray(graph.end)];
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

type Say = (key: string) => string;

const infoOf = (say: Say): StyleInfo => ({
  name: say("name"), title: say("title") || say("name"), credit: say("credit"),
  style_license: say("style_license"), license: say("license"),
});

/** What the styles of a file of several say. */
function stylesOf(json: string): StyleInfo[] {
  try {
    return (JSON.parse(json) as Record<string, string>[]).map((one) => infoOf((key) => one[key] ?? ""));
  } catch {
    throw new NotAModel(DAMAGED);
  }
}

/** Read the bytes of a model. Throws `NotAModel`, whose message goes on after the name of the file. */
export async function readModel(data: Uint8Array<ArrayBuffer>): Promise<Model> {
  if (data.length > MOST_BYTES) throw new NotAModel("is larger than 64 MB: Impasto's models are of a few.");
  const metadata = new Map<string, string>();
  const found = new Map<number, Field>();
  let digest: Field | undefined;
  try {
    for (const field of fields(data)) {
      found.set(field.number, field);
      if (field.number !== METADATA) continue;
      const [[key], [value, at]] = [text(data, field, KEY), text(data, field, VALUE)];
      metadata.set(key, value);
      if (key === "impasto.digest") digest = at;
    }
  } catch {
    // a cut file of ours still begins like a model: the IR version, a small number, comes first
    const begins = data[0] === 8 && data[1] > 2 && data[1] < 128 && data[2] >= 0x10 && data[2] <= 0x72;
    throw new NotAModel(begins ? DAMAGED : NO_MODEL);
  }
  const graph = found.get(GRAPH);
  if (!graph || !found.has(IR_VERSION)) throw new NotAModel(NO_MODEL);
  const say = (key: string, missing = "") => metadata.get(`impasto.${key}`) ?? missing;
  const version = Number(say("contract", "0"));
  if (!version) throw new NotAModel(FOREIGN);
  if (!digest || digest.end - digest.start !== 64) throw new NotAModel(DAMAGED);
  if (globalThis.crypto?.subtle) {
    const blank = data.slice().fill(0x30, digest.start, digest.end);
    if ((await sha256(blank)) !== say("digest")) throw new NotAModel(DAMAGED);
  }
  if (version > CONTRACT) {
    throw new NotAModel(`is of version ${version} of the contract, which this page does not know yet.`);
  }
  if (say("io", "uint8") !== "uint8" || say("layout", "nhwc") !== "nhwc" || say("fixed_size")) {
    throw new NotAModel("is a variant for other programs: open the model that it was made from.");
  }
  const styles = stylesOf(say("styles", "[]"));
  if (version === CONTRACT !== styles.length > 1) throw new NotAModel(DAMAGED);
  const dial = say("dial", "optional");
  const preview = Uint8Array.from(atob(say("preview")), (letter) => letter.charCodeAt(0));
  return {
    info: infoOf(say),
    styles,
    preview: new Blob([preview]),
    dial: dial !== "none",
    data: dial === "optional" ? withRequired(data, graph, ["strength", ...(styles.length ? ["style"] : [])]) : data,
  };
}
