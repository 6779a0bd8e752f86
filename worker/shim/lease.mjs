// Instances for the program's http.Handler. A handler may wait, and so each request has an instance to itself: a shared
// one would mix the timers and promises of different requests, which the platform forbids.

import * as abi from "./abi.gen.mjs";
import { lost, LostError, Program } from "./program.mjs";

// An instance takes 5 to 15 MB, an isolate has 128 MB for everything.
const MOST = 12;

// A request with a body leaves some callbacks of syumai/workers behind in its instance.
const MOST_USES = 1000;

// How long a request waits for an instance, in milliseconds, and how often it looks. It has to look: a request cannot
// be woken by what another one does.
const PATIENCE = 10_000;
const LOOK = 5;

export class Lease {
  #module;
  #idle = []; // programs
  #leases = new Set(); // one { program } for each request at work

  constructor(module) {
    this.#module = module;
  }

  async fetch(request, ctx) {
    const lease = await this.#take();
    const { program } = lease;
    // When its client leaves, nothing of a request runs any more, not even finally: only this listener does.
    request.signal?.addEventListener("abort", () => this.#end(lease, false));
    // A promise belongs to the request that made it: each one makes its own.
    const exited = new Promise((_, reject) => (program.onExit = reject));
    exited.catch(() => {});
    let response;
    try {
      response = await Promise.race([program.binding.handleRequest(request), exited]);
    } catch (error) {
      this.#end(lease, false);
      throw lost(error);
    }
    if (!response.body) {
      this.#end(lease, true);
      return response;
    }
    // The handler is at work until its body has ended.
    const { readable, writable } = new IdentityTransformStream();
    const copied = response.body.pipeTo(writable);
    ctx.waitUntil(
      Promise.race([copied, exited]).then(
        () => this.#end(lease, true),
        // The client has left, and the handler may still be at work, or the program was lost.
        () => this.#end(lease, false),
      ),
    );
    return new Response(readable, response);
  }

  async #take() {
    const until = Date.now() + PATIENCE;
    while (this.#leases.size >= MOST) {
      if (Date.now() > until) throw new LostError(`all ${MOST} instances for the program's handler are in use`);
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
    const lease = { program: this.#idle.pop() ?? new Program(this.#module, () => noHub) };
    lease.program.uses++;
    this.#leases.add(lease);
    return lease;
  }

  /** Ends a lease, once: a late signal must not end that of the next request. */
  #end(lease, well) {
    if (!this.#leases.delete(lease)) return;
    const { program } = lease;
    // A timer that the handler has left behind has died with its request, but the program still counts on it.
    if (well && program.quiet && program.uses < MOST_USES) this.#idle.push(program);
    else program.kill();
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
