// A film of what is painted live.
import { byId } from "./dom";

const TYPES = ["video/mp4;codecs=avc1", "video/webm;codecs=vp9", "video/webm"]; // the first that the browser writes
const BITS = 8e6; // a second: paint has more detail than what cameras see

const button = byId("record", HTMLButtonElement);
const canvas = byId("painting", HTMLCanvasElement);

let recorder: MediaRecorder | undefined;

export const isRecording = () => !!recorder;

function show(text: string): void {
  button.textContent = text;
  button.setAttribute("aria-pressed", String(isRecording()));
}

/** Record until `endRecording`; what is recorded then goes to `save`. */
export function beginRecording(save: (film: Blob, suffix: string) => void): void {
  const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
  const begun = (recorder = new MediaRecorder(canvas.captureStream(), { mimeType, videoBitsPerSecond: BITS }));
  const parts: Blob[] = [];
  begun.addEventListener("dataavailable", ({ data }) => parts.push(data));
  begun.addEventListener("stop", () => {
    const [type] = begun.mimeType.split(";");
    save(new Blob(parts, { type }), type.split("/")[1]);
  });
  begun.start(1000);
  show("Stop recording");
}

export function endRecording(): void {
  recorder?.stop();
  recorder = undefined;
  show("Record");
}
