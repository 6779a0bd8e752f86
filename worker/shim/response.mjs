// Answers that the shim makes itself, and those that the program has made.

// Statuses whose responses have no body (https://fetch.spec.whatwg.org/#null-body-status).
const NULL_BODY = new Set([204, 205, 304]);

/** The Response that the program has described. */
export function response({ status, headers, body }, request) {
  const bare = NULL_BODY.has(status) || request.method === "HEAD";
  return new Response(bare ? null : body, { status, headers });
}

/** A problem details response (RFC 9457). */
export function problem(status, detail, isolate, retryAfter = 1) {
  const title = { 503: "Service Unavailable", 507: "Insufficient Storage" }[status];
  const headers = programHeader(isolate);
  headers.set("Content-Type", "application/problem+json");
  headers.set("Retry-After", String(retryAfter));
  return new Response(JSON.stringify({ type: "about:blank", title, status, detail }), { status, headers });
}

/** The fields that the program wants on every answer. If it cannot be asked, a page must still see what is wrong. */
function programHeader(isolate) {
  try {
    return new Headers(isolate.description.header);
  } catch {
    return new Headers({ "Access-Control-Allow-Origin": "*" });
  }
}

/** The answer when storage has failed. */
export function storageProblem(error, where, isolate) {
  const full = /full|SQLITE_TOOBIG|exceeded/i.test(error.message);
  return problem(full ? 507 : 503, `${where}: storage failed: ${error.message}`, isolate);
}
