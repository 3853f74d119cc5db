// Files of the page, with progress; once loaded they are kept, for the next visit and for when there is no network.

export type Progress = (loaded: number, total: number) => void;

const KEPT = "impasto-files";

/** No answer, or not the one that was wanted. */
export class NotLoaded extends Error {}

async function cache(): Promise<Cache | undefined> {
  try {
    return await globalThis.caches?.open(KEPT); // there is none on http:// and in some private windows
  } catch {
    return undefined;
  }
}

/** The bytes of a file of `total` bytes. */
export async function download(url: string, total: number, progress: Progress): Promise<Uint8Array<ArrayBuffer>> {
  const kept = url.startsWith("blob:") ? undefined : await cache();
  const found = await kept?.match(url);
  const response = found ?? (await fetch(url).catch(() => undefined));
  if (!response?.ok || !response.body) throw new NotLoaded(url);
  const data = new Uint8Array(total);
  let loaded = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    if (loaded + value.length > total) throw new NotLoaded(url);
    data.set(value, loaded);
    loaded += value.length;
    progress(loaded, total);
  }
  if (loaded !== total) throw new NotLoaded(url);
  if (!found) await kept?.put(url, new Response(data)).catch(() => undefined); // a full disk is no reason to stop
  return data;
}

/** Do not keep a file: it is not what it should be. */
export async function forget(url: string): Promise<void> {
  await (await cache())?.delete(url);
}

/** Forget kept files that are not among these addresses: those of earlier versions of the page. */
export async function forgetOthers(urls: Set<string>): Promise<void> {
  const kept = await cache();
  for (const request of (await kept?.keys()) ?? []) if (!urls.has(request.url)) await kept?.delete(request);
}
