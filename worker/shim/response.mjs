// Answers that the shim makes itself, and those that the program has made.

// Statuses whose responses have no body (https://fetch.spec.whatwg.org/#null-body-status).
const NULL_BODY = new Set([204, 205, 304]);

/** The Response that the program has described. */
export function response({ status, headers, body }, request) {
  const bare = NULL_BODY.has(status) || request.method === "HEAD";
  return new Response(bare ? null : body, { status, headers });
}

/** A problem details response (RFC 9457). */
export function problem(status, detail, isolate) {
  const title = { 500: "Internal Server Error", 503: "Service Unavailable" }[status];
  const headers = programHeader(isolate);
  headers.set("Content-Type", "application/problem+json");
  if (status === 503) headers.set("Retry-After", "1");
  return new Response(JSON.stringify({ type: "about:blank", title, status, detail }), { status, headers });
}

/** The fields that the program wants on every answer, as far as it can be asked. */
function programHeader(isolate) {
  try {
    return new Headers(isolate.description.header);
  } catch {
    return new Headers();
  }
}
