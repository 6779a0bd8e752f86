// Instances for the program's http.Handler. A handler may wait, and so each request has an instance to itself: a shared
// one would mix the timers and promises of different requests, which the platform forbids.

import * as abi from "./abi.gen.mjs";
import { lost, LostError, Program } from "./program.mjs";

// An instance takes 5 to 15 MB, an isolate has 128 MB for everything.
const MOST = 12;

// How long a request waits for an instance, in milliseconds, and how often it looks. It has to look: a request cannot
// be woken by what another one does.
const PATIENCE = 10_000;
const LOOK = 5;

export class Lease {
  #module;
  #idle = [];
  #count = 0;

  constructor(module) {
    this.#module = module;
  }

  async fetch(request, ctx) {
    const program = await this.#take();
    // A promise belongs to the request that made it: each one makes its own.
    const exited = new Promise((_, reject) => (program.onExit = reject));
    exited.catch(() => {});
    let response;
    try {
      response = await Promise.race([program.binding.handleRequest(request), exited]);
    } catch (error) {
      this.#discard(program);
      throw lost(error);
    }
    if (!response.body) {
      this.#idle.push(program);
      return response;
    }
    // The handler is at work until its body has ended.
    const { readable, writable } = new IdentityTransformStream();
    const copied = response.body.pipeTo(writable);
    ctx.waitUntil(
      Promise.race([copied, exited]).then(
        () => void this.#idle.push(program),
        // The client has left, and the handler may still be at work, or the program was lost.
        () => this.#discard(program),
      ),
    );
    return new Response(readable, response);
  }

  async #take() {
    const until = Date.now() + PATIENCE;
    while (this.#idle.length === 0 && this.#count >= MOST) {
      if (Date.now() > until) throw new LostError(`all ${MOST} instances for the program's handler are in use`);
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
    const idle = this.#idle.pop();
    if (idle) return idle;
    const program = new Program(this.#module, () => noHub);
    this.#count++;
    return program;
  }

  #discard(program) {
    program.kill();
    this.#count--;
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
