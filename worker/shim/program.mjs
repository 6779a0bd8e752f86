// Boots a Go program and watches over it. What goes wrong inside is named.

import { env, waitUntil } from "cloudflare:workers";
import * as abi from "./abi.gen.mjs";

/** The instance is lost: it blocked, exited, trapped or ran out of memory. It must not be entered again. */
export class LostError extends Error {
  name = "LostError";
}

class ExitError extends Error {
  constructor(code) {
    super(`the program exited with code ${code}`);
  }
}

// The end of what the programs of this isolate have written to stderr: the cause of an exit is in it. It is emptied
// before each boot and after each loss.
let stderr = "";
const decoder = new TextDecoder();
const writeSync = globalThis.fs.writeSync;
globalThis.fs.writeSync = (fd, bytes) => {
  if (fd === 2) stderr = (stderr + decoder.decode(bytes)).slice(-8192);
  return writeSync(fd, bytes);
};

// What syumai/workers expects beside the context.
globalThis.tryCatch = (fn) => {
  try {
    return { result: fn() };
  } catch (error) {
    return { error };
  }
};

/** One running instance of the program. */
export class Program {
  /** What syumai/workers has left for its host. */
  binding = {};
  /** Called with an error when the program exits. */
  onExit = () => {};
  /** How many requests it has served. */
  uses = 0;
  exports;
  #go = new globalThis.Go();
  #memory = new Uint8Array(0);

  /**
   * Starts an instance of module; it is ready to be called then. imports gets the instance, and returns the functions
   * of the module "hubbub".
   *
   * Call it within a request or a Durable Object: at a module's top level there is neither time nor randomness.
   */
  constructor(module, imports) {
    const go = this.#go;
    // Throwing unwinds every frame of the program, and those of the host between them.
    go.exit = (code) => {
      const error = new ExitError(code);
      this.onExit(error);
      throw error;
    };
    let ready = false;
    stderr = "";
    // The program reads its context while it starts, and keeps it.
    globalThis.context = {
      env,
      ctx: { waitUntil: (promise) => waitUntil(promise), passThroughOnException() {} },
      binding: this.binding,
    };
    const instance = new WebAssembly.Instance(module, {
      ...go.importObject,
      workers: { ready: () => void (ready = true) },
      [abi.MODULE]: imports(this),
    });
    this.exports = instance.exports;
    go.run(instance).catch(() => {}); // it runs until main waits; onExit tells of its end
    if (!ready) throw new LostError(`the program did not start${causeInStderr()}`);
  }

  /** The program's memory; it moves when it grows. */
  get memory() {
    const { buffer } = this.exports.mem;
    if (this.#memory.buffer !== buffer) this.#memory = new Uint8Array(buffer);
    return this.#memory;
  }

  /** Whether no timer of the program is pending. */
  get quiet() {
    return this.#go._scheduledTimeouts.size === 0;
  }

  /** Keeps what a lost program has left behind, such as the timer of a sleep, from entering it again. */
  kill() {
    for (const timeout of this.#go._scheduledTimeouts.values()) clearTimeout(timeout);
    this.#go._scheduledTimeouts.clear();
    this.#go.exited = true;
  }
}

/** The LostError of a program that an exception has come out of. */
export function lost(error) {
  let cause = error instanceof Error ? error.message : String(error);
  if (error instanceof RangeError && /call stack/.test(cause)) cause = "stack overflow";
  const text = new LostError(cause + causeInStderr(), { cause: error });
  stderr = "";
  return text;
}

function causeInStderr() {
  const line = stderr.match(/^(?:fatal error|panic): .*$/m) ?? stderr.match(/^.*\S.*$/m);
  return line ? `: ${line[0].trim()}` : "";
}
