// The isolate's shared instance: one instance of the program runs the front's routes and the turns of all hubs of this
// isolate, each call synchronously from beginning to end. An instance that is lost is thrown away; the next call boots
// another one.

import * as abi from "./abi.gen.mjs";
import { Reader, Writer } from "./codec.mjs";
import { lost, LostError, Program } from "./program.mjs";
import { page } from "./storage.mjs";

const encoder = new TextEncoder();
// A leading U+FEFF is part of the text.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

// How often to look for hubs whose Durable Objects are gone, in milliseconds.
const SWEEP = 60_000;

export class Isolate {
  #module;
  #program = null;
  #description = null;
  #writer = new Writer();
  #page = new Writer();
  #number = 0;
  #storage = null; // that of the hub whose turn runs
  #lastError = "";
  #refusal = null; // why the program did not start, and when
  #vouched = new Map(); // address → { seen, within, write } of the hubs that the engine may know
  #swept = 0;

  constructor(module) {
    this.#module = module;
  }

  /** What the program is: { header, classes: Map of name to { maxBody, sessionBuffer, heartbeat, slow } }. */
  get description() {
    return (this.#description ??= this.#describe());
  }

  #describe() {
    const payload = this.#call(abi.EXPORT_DESCRIBE, (w) => w);
    const version = payload.u32();
    if (version !== abi.VERSION) {
      throw new Error(
        `the program speaks version ${version} of the interface and the shim version ${abi.VERSION}: ` +
          "build both from the same version of Hubbub",
      );
    }
    const header = payload.headers();
    const classes = new Map();
    for (let n = payload.u32(); n > 0; n--) {
      const name = payload.string();
      classes.set(name, {
        maxBody: payload.u32(),
        sessionBuffer: payload.u32(),
        heartbeat: payload.u32(),
        slow: payload.u8(),
      });
    }
    return { header, classes };
  }

  /**
   * Notes that a hub's Durable Object is alive, which it is to say again within so many milliseconds. The state of one
   * that did not, because the platform has broken it off, is dropped from the engine: nobody else would.
   */
  vouch(address, within, write) {
    const now = Date.now();
    this.#vouched.set(address, { seen: now, within, write });
    if (now - this.#swept < SWEEP) return;
    this.#swept = now;
    for (const [address, { seen, within, write }] of this.#vouched) {
      if (now - seen < within) continue;
      this.#vouched.delete(address);
      if (this.#program) this.#call(abi.EXPORT_TURN, write);
    }
  }

  /** What becomes of a request: { answer } or { hub: { class, name, meta } } or {} for the program's handler. */
  route(head) {
    const payload = this.#call(abi.EXPORT_ROUTE, (w) => w.string(head));
    switch (payload.u8()) {
      case abi.DECISION_ANSWER:
        return { answer: payload.response() };
      case abi.DECISION_HUB:
        return { hub: { class: payload.string(), name: payload.string(), meta: payload.data() } };
    }
    return {};
  }

  /** One turn on storage, a Staged. write puts the input into a Writer; the output comes back as it is on the wire. */
  turn(storage, write) {
    this.#storage = storage;
    try {
      return this.#call(abi.EXPORT_TURN, write);
    } finally {
      this.#storage = null;
    }
  }

  #call(name, write) {
    const program = (this.#program ??= this.#boot());
    try {
      const { exports } = program;
      const input = write(this.#writer.reset()).bytes;
      const number = (this.#number = (this.#number % 0xffffffff) + 1);
      const at = exports[abi.EXPORT_INPUT](input.length) >>> 0;
      program.memory.set(input, at);
      const result = BigInt.asUintN(64, exports[name](number, input.length));
      return output(program.memory, number, result);
    } catch (error) {
      program.kill();
      this.#program = null;
      const why = error instanceof LostError ? error : lost(error);
      console.error(`hubbub: the instance is lost: ${why.message}`);
      throw why;
    }
  }

  /** A program that does not start is not tried again for a second: each try costs milliseconds of CPU. */
  #boot() {
    if (this.#refusal && Date.now() - this.#refusal.at < 1000) throw this.#refusal.error;
    this.#refusal = null;
    try {
      return new Program(this.#module, (booting) => this.#imports(booting));
    } catch (error) {
      this.#refusal = { error, at: Date.now() };
      console.error(`hubbub: ${error.message}`);
      throw error;
    }
  }

  #imports(program) {
    const bytes = (at, length) => program.memory.subarray(at >>> 0, (at >>> 0) + (length >>> 0));
    const text = (at, length) => decoder.decode(bytes(at, length));
    /** Copies value to where the program wants it, if there is room. */
    const give = (value, at, room) => {
      if (value.length <= room >>> 0) program.memory.set(value, at >>> 0);
      return value.length;
    };
    // An import must not throw through Go's frames.
    const guarded = (fn) => (...args) => {
      try {
        return fn(...args);
      } catch (error) {
        this.#lastError = error instanceof Error ? error.message : String(error);
        if (this.#storage) this.#storage.failed ??= error;
        return abi.FAILED;
      }
    };
    const storage = () => {
      if (!this.#storage) throw new Error("there is no storage outside of a turn");
      return this.#storage;
    };
    return {
      [abi.IMPORT_STORAGE_GET]: guarded((key, keyLength, at, room) => {
        const value = storage().get(text(key, keyLength));
        return value === undefined ? abi.ABSENT : give(value, at, room);
      }),
      [abi.IMPORT_STORAGE_PUT]: guarded((key, keyLength, value, valueLength) => {
        storage().put(text(key, keyLength), bytes(value, valueLength).slice());
        return 0;
      }),
      [abi.IMPORT_STORAGE_DELETE]: guarded((key, keyLength) => (storage().delete(text(key, keyLength)) ? 1 : 0)),
      [abi.IMPORT_STORAGE_LIST]: guarded((options, optionsLength, at, room) =>
        give(page(storage(), new Reader(bytes(options, optionsLength)), room >>> 0, this.#page.reset()), at, room),
      ),
      [abi.IMPORT_LAST_ERROR]: (at, room) => {
        encoder.encodeInto(this.#lastError, bytes(at, room));
        return encoder.encode(this.#lastError).length;
      },
      [abi.IMPORT_RANDOM]: (at, length) => {
        const wanted = bytes(at, length);
        // The Web's limit for one call.
        for (let i = 0; i < wanted.length; i += 65536) crypto.getRandomValues(wanted.subarray(i, i + 65536));
      },
    };
  }
}

/** The payload that an export has left in memory, or a LostError when it has not finished: see package abi. */
function output(memory, number, result) {
  const at = Number(result & 0xffffffffn);
  if (Number(result >> 32n) === number && at > 0 && at + 8 <= memory.length) {
    const head = new DataView(memory.buffer, at, 8);
    const length = head.getUint32(0, true);
    if (head.getUint32(4, true) === number && at + 8 + length <= memory.length) {
      return new Reader(memory.subarray(at + 8, at + 8 + length));
    }
  }
  throw new LostError("the turn blocked: hub code must not wait");
}
