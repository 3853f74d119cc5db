// A film of what is painted live.
import { byId } from "./dom";

const TYPES = ["video/mp4;codecs=avc1", "video/webm;codecs=vp9", "video/webm"]; // the first that the browser writes
const BITS = 8e6; // a second: paint has more detail than what cameras see

const button = byId("record", HTMLButtonElement);
const canvas = byId("painting", HTMLCanvasElement);

let recorder: MediaRecorder | undefined;

const type = () => TYPES.find((type) => MediaRecorder.isTypeSupported(type));

export const canRecord = () => typeof MediaRecorder !== "undefined" && !!type();
export const isRecording = () => !!recorder;

function show(text: string): void {
  button.textContent = text;
  button.setAttribute("aria-pressed", String(isRecording()));
}

/** Record until `endRecording`; what is recorded then goes to `save`. */
export function beginRecording(save: (film: Blob, suffix: string) => void): void {
  const options = { mimeType: type(), videoBitsPerSecond: BITS };
  const begun = (recorder = new MediaRecorder(canvas.captureStream(), options));
  const parts: Blob[] = [];
  begun.addEventListener("dataavailable", ({ data }) => parts.push(data));
  begun.addEventListener("stop", () => {
    const [kind] = begun.mimeType.split(";");
    save(new Blob(parts, { type: kind }), kind.split("/")[1]);
  });
  begun.start(1000);
  show("Stop recording");
}

export function endRecording(): void {
  recorder?.stop();
  recorder = undefined;
  show("Record");
}
