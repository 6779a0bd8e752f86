// The sessions of one hub: their streams, and the outbox through which everything reaches them.

import * as abi from "./abi.gen.mjs";

// How many sessions are written to before other events of the object get their turn.
const SLICE = 128;

const macrotask = () => new Promise((resolve) => setTimeout(resolve, 0));

/**
 * Sessions holds a hub's open streams. gone(session, reason) is called once for each session that ends, whatever
 * noticed it first.
 *
 * The outbox is adaptive. What is sent while nothing is being written goes out at once. What is sent while a flush is
 * running waits, and goes out in the next flush as one chunk per session: the cost of a stream is per chunk, hardly per
 * byte, so that a busy hub writes larger chunks, not more of them. A chunk for all is one array, shared by all.
 */
export class Sessions {
  #open = new Map(); // id → { id, state, controller, from }
  #gone;
  #limit;
  #waiting = []; // entries { session, data } to send, or { session, data: null } to close
  #first = 0; // the number of waiting[0], counted since the beginning
  #flushing = false;

  constructor(limit, gone) {
    this.#limit = limit;
    this.#gone = gone;
  }

  get size() {
    return this.#open.size;
  }

  /** The open sessions, as the engine wants them when a hub wakes. */
  states() {
    return [...this.#open.values()].map(({ id, state }) => ({ id, state }));
  }

  /** Opens a session, and returns its stream. It gets what is sent from now on. */
  open(id, state) {
    const session = { id, state, controller: null, from: this.#first + this.#waiting.length };
    const stream = new ReadableStream(
      {
        start: (controller) => void (session.controller = controller),
        cancel: () => this.end(session, abi.LEAVE_GONE),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: this.#limit }),
    );
    this.#open.set(id, session);
    return { session, stream };
  }

  /** Sends data to one session, or to all when id is empty. Call flush() behind the last send() of a turn. */
  send(id, data) {
    this.#waiting.push({ session: id, data });
  }

  /** Ends a session behind what was sent to it. */
  close(id) {
    this.#waiting.push({ session: id, data: null });
  }

  /** Notes that a session has ended. It may be called more than once. */
  end(session, reason) {
    if (!this.#open.delete(session.id)) return;
    this.#gone(session, reason);
  }

  flush() {
    if (this.#flushing || this.#waiting.length === 0) return;
    this.#flushing = true;
    this.#flush().catch((error) => console.error("hubbub: flush:", error));
  }

  async #flush() {
    try {
      while (this.#waiting.length > 0) {
        const batch = new Batch(this.#waiting, this.#first);
        this.#first += this.#waiting.length;
        this.#waiting = [];
        let written = 0;
        for (const session of batch.recipients(this.#open)) {
          if (written === SLICE) {
            written = 0;
            await macrotask();
          }
          written++;
          this.#write(session, batch.chunk(session));
          if (batch.closes(session)) this.#close(session);
        }
      }
    } finally {
      this.#flushing = false;
    }
  }

  #write(session, chunk) {
    if (chunk === null || !this.#open.has(session.id)) return;
    const { controller } = session;
    try {
      if (controller.desiredSize >= chunk.length) {
        controller.enqueue(chunk);
        return;
      }
      // close() would first drain what waits, to a client that does not read.
      controller.error(new Error("the client reads too slowly"));
      this.end(session, abi.LEAVE_SLOW);
    } catch {
      this.end(session, abi.LEAVE_GONE);
    }
  }

  #close(session) {
    try {
      session.controller.close();
    } catch {
      // it was closed already, by the client
    }
    this.end(session, abi.LEAVE_CLOSED);
  }
}

/** The entries of one flush, and what they come to for each session. */
class Batch {
  #entries;
  #first;
  #some = new Set(); // sessions that are addressed by themselves
  #shared = new Map(); // from which entry on → the chunk of whoever is addressed only with all others

  constructor(entries, first) {
    this.#entries = entries;
    this.#first = first;
    for (const { session } of entries) if (session !== "") this.#some.add(session);
  }

  /** The sessions to write to: all of them, unless no entry is for all. */
  recipients(open) {
    if (this.#entries.some(({ session }) => session === "")) return open.values();
    return [...this.#some].map((id) => open.get(id)).filter((session) => session !== undefined);
  }

  chunk(session) {
    const from = Math.max(0, session.from - this.#first);
    if (from >= this.#entries.length) return null; // it has joined since
    if (this.#some.has(session.id)) return this.#join(from, session.id);
    let chunk = this.#shared.get(from);
    if (chunk === undefined) this.#shared.set(from, (chunk = this.#join(from, "")));
    return chunk;
  }

  closes(session) {
    return (
      this.#some.has(session.id) && this.#entries.some(({ session: id, data }) => id === session.id && data === null)
    );
  }

  #join(from, id) {
    const parts = [];
    let length = 0;
    for (let i = from; i < this.#entries.length; i++) {
      const { session, data } = this.#entries[i];
      if (session !== "" && session !== id) continue;
      if (data === null) break; // closed: what was sent behind it is lost
      parts.push(data);
      length += data.length;
    }
    if (parts.length <= 1) return parts[0] ?? null;
    const chunk = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      chunk.set(part, at);
      at += part.length;
    }
    return chunk;
  }
}
