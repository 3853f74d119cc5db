// The page without a network: the service worker keeps the page, and `download` what it paints with.
import { byId } from "./dom";
import { download, forgetOthers } from "./download";
import { ENGINE_URLS } from "./engine";
import type { Source } from "./worker";

/** Let the next visit need no network; call it early. */
export function keepPage(): void {
  void navigator.serviceWorker?.register(new URL("sw.js", document.baseURI)).catch(() => undefined);
}

/** The photo that another app shared with this one, once. */
export async function takeShared(): Promise<File | null> {
  const shared = await globalThis.caches?.open("impasto-shared");
  const response = await shared?.match("shared");
  if (!response) return null;
  await shared.delete("shared");
  const name = decodeURIComponent(response.headers.get("X-Name") ?? "photo");
  return new File([await response.blob()], name, { type: response.headers.get("Content-Type") ?? "" });
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
