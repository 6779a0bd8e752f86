// What the app answers to /healthz, in JavaScript alone.

export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname !== "/healthz" || request.method !== "GET") return new Response(null, { status: 404 });
    return new Response("ok", {
      headers: {
        "Access-Control-Allow-Origin": "*",
        "Cache-Control": "no-store",
        "Content-Type": "text/plain; charset=utf-8",
      },
    });
  },
};
