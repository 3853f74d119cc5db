// The camera's picture, painted as it comes: at the size of which this device paints ten a second.
import { showLive } from "./picture";
import type { Look } from "./look";
import type { Studio } from "./studio";
import type { Source } from "./worker";

const RATE = 12; // pictures a second that the size is chosen for, so that ten are held
const TOO_FAST = 16;
const FIRST = 200 * 150; // pixels
const LEAST = 64 * 48;
const MOST = 1280 * 720;
const STEP = 8; // px: what the network's layers work on is a multiple of this
const EVERY = 5; // pictures between changes of the size
const BUSY = 0.6; // share of the time: a camera that gives fewer pictures than that is not helped by smaller ones

export interface Shown {
  width: number;
  height: number;
  /** Pictures a second. */
  rate: number;
}

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve)); // none while the page is out of sight

/** The camera of `video`, painted until `stop`. */
export class Live {
  #going = true;

  stop(): void {
    this.#going = false;
  }

  /** Paint with what `wanted` gives; `shown` is told now and then how it goes. Rejects with what `Studio.paint` does. */
  async run(
    studio: Studio, video: HTMLVideoElement, wanted: () => { style: Source; look: Look }, shown: (shown: Shown) => void,
  ): Promise<void> {
    const [across, down] = [video.videoWidth, video.videoHeight];
    let pixels = FIRST;
    let [since, busy, count] = [0, 0, -1]; // the first picture loads engine and style
    while (this.#going) {
      await frame();
      const start = performance.now();
      const scale = Math.sqrt(pixels / (across * down));
      const [width, height] = [across, down].map((side) => Math.max(2 * STEP, Math.round((side * scale) / STEP) * STEP));
      const size = { resizeWidth: width, resizeHeight: height, resizeQuality: "medium" } as const;
      const seen = await createImageBitmap(video, size);
      if (!this.#going) return seen.close(); // a photo may have been opened meanwhile
      const { style, look } = wanted();
      const painted = await studio.paintFrame(seen, style, look);
      if (!painted || !this.#going) return painted?.bitmap.close();
      showLive(painted.bitmap, across, down);
      const now = performance.now();
      busy += now - start;
      if (count < 0 || ++count === EVERY) {
        if (count === EVERY) {
          const rate = (EVERY * 1000) / (now - since);
          shown({ width, height, rate });
          const slow = rate < RATE && busy > BUSY * (now - since);
          const scaled = (pixels * rate) / RATE;
          if (slow || rate > TOO_FAST) pixels = Math.min(MOST, across * down, Math.max(LEAST, scaled));
        }
        [since, busy, count] = [now, 0, 0];
      }
    }
  }
}
