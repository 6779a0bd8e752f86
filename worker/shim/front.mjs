// The Worker's fetch entry. What becomes of a request is decided in one synchronous call; the common one then goes
// straight to its hub's Durable Object, whose Response is handed through untouched.

import { META_HEADER } from "./abi.gen.mjs";
import { requestHead } from "./codec.mjs";
import { LostError } from "./program.mjs";
import { problem, response } from "./response.mjs";

export class Front {
  #isolate;
  #lease;

  constructor(isolate, lease) {
    this.#isolate = isolate;
    this.#lease = lease;
  }

  async fetch(request, env, ctx) {
    try {
      const decision = this.#isolate.route(requestHead(request));
      if (decision.answer) return response(decision.answer, request);
      if (decision.hub) return await hubStub(env, decision.hub).fetch(withMeta(request, decision.hub.meta));
      return await this.#lease.fetch(request, ctx);
    } catch (error) {
      if (!(error instanceof LostError)) console.error(`hubbub: ${error.stack ?? error}`);
      // An overloaded object is not helped by clients that come back at once.
      return problem(503, error.message, this.#isolate, error.overloaded ? 10 : 1);
    }
  }
}

/** The request with the metadata that the program has found, and with none that somebody else has made up. */
function withMeta(request, meta) {
  if (meta.length === 0 && !request.headers.has(META_HEADER)) return request;
  const headers = new Headers(request.headers);
  headers.delete(META_HEADER);
  if (meta.length > 0) headers.set(META_HEADER, btoa(String.fromCharCode(...meta)));
  return new Request(request, { headers });
}

function hubStub(env, hub) {
  const namespace = env[hub.class];
  if (!namespace?.getByName) {
    throw new Error(`there is no Durable Object binding named ${JSON.stringify(hub.class)} for the class of that name`);
  }
  return namespace.getByName(hub.name);
}
