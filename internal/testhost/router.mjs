// The assets front: what Cloudflare puts before a Worker that has static assets and plain workerd has not.
// An asset that exists is served, everything else is the Worker's, whose answer passes through untouched.
import assets from "./assets.json";

export default {
  async fetch(request, env) {
    if (request.method === "GET" || request.method === "HEAD") {
      const url = new URL(request.url);
      const asset = Object.hasOwn(assets, url.pathname) ? assets[url.pathname] : undefined;
      if (asset) return serve(request, env, asset, url);
    }
    return env.APP ? env.APP.fetch(request) : new Response(null, { status: 404 });
  },
};

async function serve(request, env, asset, url) {
  if (asset.location) return new Response(null, { status: 307, headers: { location: asset.location + url.search } });
  const headers = {
    "content-type": asset.type,
    etag: asset.etag,
    "cache-control": "public, max-age=0, must-revalidate",
  };
  if (request.headers.get("if-none-match") === asset.etag) return new Response(null, { status: 304, headers });
  const path = asset.file.split("/").map(encodeURIComponent).join("/");
  const file = await env.FILES.fetch(`http://files${path}`, { method: request.method });
  headers["content-length"] = file.headers.get("content-length");
  return new Response(file.body, { status: file.status, headers });
}
