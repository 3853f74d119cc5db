// The camera, in a dialog of its own: a photo, or a picture that goes on.
import { byId } from "./dom";

const dialog = byId("camera", HTMLDialogElement);
/** What the camera sees, while it is in use. */
export const video = byId("camera-view", HTMLVideoElement);
const turn = byId("camera-turn", HTMLButtonElement);

let facing: "environment" | "user" = "environment";
let stream: MediaStream | undefined;

export const hasCamera = () => !!navigator.mediaDevices?.getUserMedia;

/** Let go of the camera. */
export function closeCamera(): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = undefined;
  video.srcObject = null;
}

async function show(): Promise<void> {
  closeCamera();
  const wanted = { facingMode: facing, width: { ideal: 1920 }, height: { ideal: 1080 } };
  stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
  video.srcObject = stream;
  video.classList.toggle("mirrored", stream.getVideoTracks()[0].getSettings().facingMode === "user");
  await video.play();
}

/** Call `act` if the camera is taken away while it is in use. */
export function lostCamera(act: () => void): void {
  for (const track of stream?.getVideoTracks() ?? []) track.addEventListener("ended", act, { once: true });
}

/** What the camera sees now. */
export async function shoot(): Promise<File> {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  return new File([await canvas.convertToBlob({ type: "image/png" })], "camera.png", { type: "image/png" });
}

/** A photo; "live" where the camera is to be painted, and stays open; null if the dialog was left. Rejects where there
 * is no camera or it may not be used. */
export async function openCamera(): Promise<File | "live" | null> {
  await show();
  const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput");
  turn.hidden = cameras.length < 2;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      async () => {
        if (dialog.returnValue === "live") return resolve("live");
        const taken = dialog.returnValue === "shoot" ? await shoot() : null;
        closeCamera();
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
