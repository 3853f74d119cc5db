// The page without a network: the service worker keeps the page, and `download` what it paints with.
import { byId } from "./dom";
import { download, forgetOthers } from "./download";
import { ENGINE_URLS } from "./engine";
import type { Source } from "./worker";

/** Let the next visit need no network; call it early. */
export function keepPage(): void {
  void navigator.serviceWorker?.register(new URL("sw.js", document.baseURI)).catch(() => undefined);
}

/** Load what has not been loaded yet, one after the other, and say when all is there. */
export async function keepStyles(styles: Source[]): Promise<void> {
  if (!navigator.serviceWorker || !globalThis.caches) return; // as on http://
  try {
    await forgetOthers(new Set([...ENGINE_URLS, ...styles.map((style) => style.url)]));
    for (const style of styles) await download(style.url, style.bytes, () => {});
    await navigator.serviceWorker.ready;
    byId("offline", HTMLElement).hidden = false;
  } catch {
    // the network has gone, or the disk is full: the page goes on with what it has
  }
}
