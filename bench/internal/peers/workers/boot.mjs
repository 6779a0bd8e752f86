// Boots the app's program as often as asked. The time is taken by the client: a Worker's own clock stands still.

import "./wasm_exec.js";
import module from "./app.wasm";
import * as abi from "./abi.gen.mjs";
import { Program } from "./program.mjs";

// No program is entered, so the functions of the host are never called.
const names = Object.keys(abi).filter((name) => name.startsWith("IMPORT_"));
const imports = Object.fromEntries(names.map((name) => [abi[name], () => abi.FAILED]));

export default {
  fetch(request) {
    const n = Number(new URL(request.url).searchParams.get("n"));
    for (let i = 0; i < n; i++) new Program(module, () => imports).kill();
    return new Response("ok");
  },
};
