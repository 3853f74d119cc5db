// The service worker: the page without a network. The build fills in the two names in capitals.
const SHELL = "impasto-page-" + "VERSION";
const FILES = "FILES";

self.addEventListener("install", (event) => {
  const requests = FILES.map((file) => new Request(file, { cache: "no-cache" }));
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(requests)));
  self.skipWaiting();
});

self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith("impasto-page-") && name !== SHELL;
  const cleared = caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name))));
  event.waitUntil(cleared.then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "POST" && request.url.endsWith("/share")) event.respondWith(shared(request));
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  const changes = request.mode === "navigate" || request.url.endsWith("/index.json"); // all other names carry a hash
  event.respondWith((changes ? fromNetwork(request) : fromCache(request)).then(isolated));
});

async function fromCache(request) {
  return (await caches.match(request, { ignoreVary: true })) ?? fetch(request);
}

async function fromNetwork(request) {
  const kept = () => caches.match(request.mode === "navigate" ? "./" : request, { ignoreVary: true });
  try {
    const response = await fetch(request);
    return response.ok ? response : ((await kept()) ?? response);
  } catch (error) {
    const response = await kept();
    if (response) return response;
    throw error;
  }
}

/** Keep the photo that another app shares, and show the page, which takes it: `takeShared`. */
async function shared(request) {
  const photo = (await request.formData()).get("photo");
  if (photo instanceof File) {
    const headers = { "Content-Type": photo.type, "X-Name": encodeURIComponent(photo.name) };
    await (await caches.open("impasto-shared")).put("shared", new Response(photo, { headers }));
  }
  return Response.redirect("./", 303);
}

/** The response with the headers without which WebAssembly has no threads. */
function isolated(response) {
  if (response.type === "opaque" || response.type === "opaqueredirect" || !response.status) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  const body = [101, 204, 205, 304].includes(response.status) ? null : response.body;
  return new Response(body, { status: response.status, statusText: response.statusText, headers });
}
