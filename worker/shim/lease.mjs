// Instances for the program's http.Handler. A handler may wait, and so each request has an instance to itself: a shared
// one would mix the timers and promises of different requests, which the platform forbids.

import * as abi from "./abi.gen.mjs";
import { boot, lost, LostError } from "./program.mjs";

// An instance takes 5 to 15 MB, an isolate has 128 MB for everything.
const MOST = 12;

export class Lease {
  #module;
  #idle = [];
  #count = 0;

  constructor(module) {
    this.#module = module;
  }

  async fetch(request, ctx) {
    const program = this.#idle.pop() ?? this.#boot();
    let response;
    try {
      response = await Promise.race([program.binding.handleRequest(request), program.exited]);
    } catch (error) {
      this.#count--;
      throw lost(error);
    }
    if (!response.body) {
      this.#idle.push(program);
      return response;
    }
    // The handler is at work until its body has ended.
    const { readable, writable } = new IdentityTransformStream();
    const ended = Promise.race([response.body.pipeTo(writable), program.exited]).then(
      () => void this.#idle.push(program),
      (error) => {
        this.#count--; // the client has left, or the program was lost: the handler may still be at work
        writable.abort(error).catch(() => {}); // it is locked, and aborted, by pipeTo in the first case
      },
    );
    ctx.waitUntil(ended);
    return new Response(readable, response);
  }

  #boot() {
    if (this.#count >= MOST) {
      throw new LostError(`all ${MOST} instances for the program's handler are in use`);
    }
    const program = boot(this.#module, noHub);
    this.#count++;
    return program;
  }
}

// A handler has no hub: its program's engine is never entered.
const refused = () => abi.FAILED;
const noHub = {
  [abi.IMPORT_STORAGE_GET]: refused,
  [abi.IMPORT_STORAGE_PUT]: refused,
  [abi.IMPORT_STORAGE_DELETE]: refused,
  [abi.IMPORT_STORAGE_LIST]: refused,
  [abi.IMPORT_LAST_ERROR]: () => 0,
  [abi.IMPORT_RANDOM]: () => {},
};
