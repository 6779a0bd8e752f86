// The sessions of one hub: their streams, and the outbox through which everything reaches them.

import * as abi from "./abi.gen.mjs";
import { Batch, join } from "./batch.mjs";

// How many sessions are written to before other events of the object get their turn.
const SLICE = 128;

// With a class that drops or coalesces, so many bytes wait in a stream, where they cannot be taken out any more, and not
// more than a quarter of what may wait at all; what is beyond waits here.
const HOLD = 64 << 10;

// What a stream that is cut fails with.
const ENDED = {
  [abi.LEAVE_GONE]: new Error("the client has gone"),
  [abi.LEAVE_SLOW]: new Error("the client reads too slowly"),
};

// How long a client has to take the rest of a stream that hub code has ended, in milliseconds.
const CLOSE_GRACE = 10_000;

/** Ends a stream at once. */
function fail(session, error) {
  try {
    session.controller.error(error);
  } catch {
    // it has ended already
  }
}

const encoder = new TextEncoder();
const macrotask = () => new Promise((resolve) => setTimeout(resolve, 0));

/**
 * Sessions holds a hub's open streams. on.gone(session, reason) is called once for each session that ends, whatever
 * noticed it first; on.written(session) when what was sent up to a proceed() has been written, or nearly; on.durable(),
 * before anything is written, returns a promise of storage being durable.
 *
 * The outbox is adaptive. What is sent while nothing is being written goes out at once. What is sent while a flush is
 * running waits, and goes out in the next flush as one chunk per session: the cost of a stream is per chunk, hardly per
 * byte, so that a busy hub writes larger chunks, not more of them. A chunk for all is one array, shared by all.
 */
export class Sessions {
  #open = new Map(); // id → session
  #on;
  #limit; // bytes that may wait for a session
  #hold; // bytes of them that may wait in the stream itself
  #slow; // what happens beyond that
  #waiting = []; // entries, see batch.mjs
  #first = 0; // the number of waiting[0], counted since the beginning
  #flushing = false;

  constructor({ sessionBuffer, slow }, on) {
    this.#limit = sessionBuffer;
    this.#hold = slow === abi.SLOW_DISCONNECT ? Infinity : Math.min(HOLD, sessionBuffer / 4);
    this.#slow = slow;
    this.#on = on;
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
    const session = {
      id,
      state,
      controller: null,
      from: this.#first + this.#waiting.length, // the first entry for it
      proceed: false, // whether the hub waits for what was sent to be written
      dropped: 0, // events that were skipped and not yet told of
      backlog: new Map(), // key, or a symbol → entry that waits outside of the stream
      backlogBytes: 0,
    };
    const stream = new ReadableStream(
      {
        start: (controller) => void (session.controller = controller),
        pull: () => this.#drained(session),
        cancel: () => this.end(session, abi.LEAVE_GONE),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: this.#limit }),
    );
    this.#open.set(id, session);
    return { session, stream };
  }

  /** Notes what the engine wants to know of a session when the hub wakes. */
  save(id, state) {
    const session = this.#open.get(id);
    if (session) session.state = state;
  }

  /** Sends an entry { session, except, ephemeral, key, data }. Call flush() behind the last one of a turn. */
  send(entry) {
    this.#waiting.push(entry);
  }

  /** Ends a session behind what was sent to it. */
  close(id) {
    this.#waiting.push({ session: id, close: true });
  }

  /** Has on.written called once what the session was sent so far is written, or nearly. */
  proceed(id) {
    this.#waiting.push({ session: id, proceed: true });
  }

  /** Notes that a session has ended, whose stream ends too. It may be called more than once. */
  end(session, reason) {
    if (!this.#open.delete(session.id)) return;
    if (reason in ENDED) fail(session, ENDED[reason]);
    this.#on.gone(session, reason);
  }

  flush() {
    if (this.#flushing || this.#waiting.length === 0) return;
    this.#flushing = true;
    this.#flush().catch((error) => console.error("hubbub: flush:", error));
  }

  async #flush() {
    try {
      while (this.#waiting.length > 0) {
        // No client may see what a crash could still undo. What is sent meanwhile has its own wait before it.
        const length = this.#portion();
        await this.#on.durable();
        const batch = new Batch(this.#waiting.splice(0, length), this.#first);
        this.#first += length;
        let written = 0;
        for (const session of batch.recipients(this.#open)) {
          if (written === SLICE) {
            written = 0;
            await macrotask();
          }
          written++;
          if (!this.#open.has(session.id)) continue; // it has ended since
          try {
            this.#deliver(session, batch);
          } catch (error) {
            // Its stream ends, for else it would miss something and not know.
            console.error("hubbub: flush:", error);
            this.end(session, abi.LEAVE_GONE);
          }
        }
        if (this.#waiting.length > 0) await macrotask();
      }
    } finally {
      this.#flushing = false;
    }
  }

  /** How many entries the next flush writes: what is more than clients could take at once waits for the one after. */
  #portion() {
    let bytes = 0;
    const full = this.#waiting.findIndex(({ data }) => (bytes += data?.length ?? 0) > this.#limit / 4);
    return full < 0 ? this.#waiting.length : full + 1;
  }

  #deliver(session, batch) {
    this.#write(session, batch);
    if (batch.closes(session)) this.#close(session);
    else if (batch.proceeds(session)) {
      session.proceed = true;
      this.#drained(session);
    }
  }

  #write(session, batch) {
    const chunk = batch.chunk(session);
    if (chunk === null) return;
    const room = session.controller.desiredSize;
    if (!this.#fits(chunk, room) || session.backlog.size > 0 || this.#limit - room > this.#hold) {
      if (this.#slow === abi.SLOW_DISCONNECT) return this.#cut(session);
      return this.#keep(session, batch.entries(session));
    }
    this.#tellDropped(session);
    this.#enqueue(session, chunk);
  }

  /** Whether there is room. What is larger than the bound fits when nothing else waits: no client could ever get it. */
  #fits(chunk, room) {
    return chunk.length <= room || room === this.#limit;
  }

  #enqueue(session, chunk) {
    try {
      session.controller.enqueue(chunk);
    } catch {
      this.end(session, abi.LEAVE_GONE); // the client has closed it
    }
  }

  /** Has entries wait here, as far as the policy lets them. */
  #keep(session, entries) {
    const { backlog } = session;
    for (const entry of entries) {
      const key = this.#slow === abi.SLOW_COALESCE && entry.key !== "" ? entry.key : Symbol();
      this.#takeOut(session, key);
      if (this.#full(session, entry) && this.#slow === abi.SLOW_DROP) {
        if (entry.ephemeral) {
          session.dropped += entry.silent ? 0 : 1;
          continue;
        }
        for (const [key, { ephemeral, silent }] of backlog) {
          if (!ephemeral) continue;
          this.#takeOut(session, key);
          session.dropped += silent ? 0 : 1;
        }
      }
      if (this.#full(session, entry)) {
        if (entry.silent) continue;
        return this.#cut(session);
      }
      backlog.set(key, entry);
      session.backlogBytes += entry.data.length;
    }
    this.#drained(session);
  }

  #full(session, { data }) {
    const room = session.controller.desiredSize - session.backlogBytes;
    return !this.#fits(data, room);
  }

  #takeOut(session, key) {
    const entry = session.backlog.get(key);
    if (entry === undefined) return;
    session.backlog.delete(key);
    session.backlogBytes -= entry.data.length;
  }

  /** Called when the client has taken something, and when there may be something to do then. */
  #drained(session) {
    if (!this.#open.has(session.id)) return;
    if (session.backlog.size > 0 && this.#limit - session.controller.desiredSize <= this.#hold) {
      const chunk = join([...session.backlog.values()]);
      session.backlog.clear();
      session.backlogBytes = 0;
      this.#enqueue(session, chunk);
    }
    const { desiredSize } = session.controller;
    if (desiredSize < this.#limit / 2) return;
    this.#tellDropped(session);
    if (session.proceed && session.backlog.size === 0) {
      session.proceed = false;
      // Not at once: other sessions are to have their turn between the slices of a replay.
      setTimeout(() => this.#open.has(session.id) && this.#on.written(session), 0);
    }
  }

  #tellDropped(session) {
    if (session.dropped === 0 || session.controller.desiredSize - session.backlogBytes < this.#limit / 2) return;
    const lag = encoder.encode(abi.LAG_BEFORE + session.dropped + abi.LAG_AFTER);
    session.dropped = 0;
    this.#enqueue(session, lag);
  }

  /**
   * Ends the stream of a client that is too slow: it comes back and resumes. Closing it would first drain what waits, to
   * a client that does not read.
   */
  #cut(session) {
    this.end(session, abi.LEAVE_SLOW);
  }

  #close(session) {
    try {
      if (session.backlog.size > 0) session.controller.enqueue(join([...session.backlog.values()]));
      session.controller.close();
      // A client that does not read must not keep the rest of its stream for ever.
      if (session.controller.desiredSize < this.#limit) setTimeout(() => fail(session, ENDED[abi.LEAVE_SLOW]), CLOSE_GRACE);
    } catch {
      // it was closed already, by the client
    }
    this.end(session, abi.LEAVE_CLOSED);
  }
}
