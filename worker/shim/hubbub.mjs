// The shim: a Go program's Worker. A main module calls hubbub() with the program's Wasm module and exports what it
// returns:
//
//   const { front, hub } = hubbub(module);
//   export default front;
//   export const Chat = hub("Chat"); // for each class of hubs; its Durable Object binding has the same name
//
// Go's own wasm_exec.js, of the version that built the module, must have been imported before.

import { Front } from "./front.mjs";
import { hubClass } from "./hub.mjs";
import { Isolate } from "./isolate.mjs";
import { Lease } from "./lease.mjs";

export function hubbub(module) {
  const isolate = new Isolate(module);
  const front = new Front(isolate, new Lease(module));
  return {
    front: { fetch: (request, env, ctx) => front.fetch(request, env, ctx) },
    hub: (name) => hubClass(isolate, name),
  };
}
