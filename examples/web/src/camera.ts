// A photo from the camera, in a dialog of its own.
import { byId } from "./dom";

const dialog = byId("camera", HTMLDialogElement);
const video = byId("camera-view", HTMLVideoElement);
const turn = byId("camera-turn", HTMLButtonElement);

let facing: "environment" | "user" = "environment";
let stream: MediaStream | undefined;

export const hasCamera = () => !!navigator.mediaDevices?.getUserMedia;

function close(): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = undefined;
  video.srcObject = null;
}

async function show(): Promise<void> {
  close();
  const wanted = { facingMode: facing, width: { ideal: 1920 }, height: { ideal: 1080 } };
  stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
  video.srcObject = stream;
  video.classList.toggle("mirrored", stream.getVideoTracks()[0].getSettings().facingMode === "user");
  await video.play();
}

async function shoot(): Promise<File | null> {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  return new File([await canvas.convertToBlob({ type: "image/png" })], "camera.png", { type: "image/png" });
}

/** Take a photo; null if the dialog was left. Rejects where there is no camera or it may not be used. */
export async function takePhoto(): Promise<File | null> {
  await show();
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput");
  turn.hidden = cameras.length < 2;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      async () => {
        const taken = dialog.returnValue === "shoot" ? await shoot() : null;
        close();
        resolve(taken);
      },
      { once: true },
    );
  });
}

turn.addEventListener("click", () => {
  facing = facing === "user" ? "environment" : "user";
  void show();
});
