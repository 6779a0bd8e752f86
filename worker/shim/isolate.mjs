// The isolate's shared instance: one instance of the program runs the front's routes and the turns of all hubs of this
// isolate, each call synchronously from beginning to end. An instance that is lost is thrown away; the next call boots
// another one.

import * as abi from "./abi.gen.mjs";
import { Reader, Writer } from "./codec.mjs";
import { lost, LostError, Program } from "./program.mjs";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Isolate {
  #module;
  #program = null;
  #description = null;
  #writer = new Writer();
  #number = 0;
  #storage = null; // the kv of the hub whose turn runs
  #lastError = "";

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

  /** One turn on the storage kv. write puts the input into a Writer; the output comes back as it is on the wire. */
  turn(kv, write) {
    this.#storage = kv;
    try {
      return this.#call(abi.EXPORT_TURN, write);
    } finally {
      this.#storage = null;
    }
  }

  #call(name, write) {
    const program = (this.#program ??= new Program(this.#module, (booting) => this.#imports(booting)));
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
        return abi.FAILED;
      }
    };
    const kv = () => {
      if (!this.#storage) throw new Error("there is no storage outside of a turn");
      return this.#storage;
    };
    return {
      [abi.IMPORT_STORAGE_GET]: guarded((key, keyLength, at, room) => {
        const value = kv().get(text(key, keyLength));
        return value === undefined ? abi.ABSENT : give(value, at, room);
      }),
      [abi.IMPORT_STORAGE_PUT]: guarded((key, keyLength, value, valueLength) => {
        kv().put(text(key, keyLength), bytes(value, valueLength).slice());
        return 0;
      }),
      [abi.IMPORT_STORAGE_DELETE]: guarded((key, keyLength) => (kv().delete(text(key, keyLength)) ? 1 : 0)),
      [abi.IMPORT_STORAGE_LIST]: guarded((options, optionsLength, at, room) =>
        give(page(kv(), new Reader(bytes(options, optionsLength)), room >>> 0), at, room),
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

/** One page of entries, of at most room bytes unless its first entry is larger. */
function page(kv, options, room) {
  const select = {};
  for (const name of ["prefix", "start", "startAfter", "end"]) {
    const value = options.string();
    if (value !== "") select[name] = value;
  }
  select.reverse = options.u8() === 1;
  const limit = options.u32();
  if (limit > 0) select.limit = limit;
  const out = new Writer().u8(0);
  let more = false;
  for (const [key, value] of kv.list(select)) {
    const { length } = out.bytes;
    more = length > 1 && length + 8 + encoder.encode(key).length + value.length > room;
    if (more) break;
    out.string(key).data(value);
  }
  const { bytes } = out;
  bytes[0] = more ? 1 : 0;
  return bytes;
}
