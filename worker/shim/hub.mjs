// A Durable Object that hosts one hub of the program.

import { DurableObject } from "cloudflare:workers";
import * as abi from "./abi.gen.mjs";
import { requestHead } from "./codec.mjs";
import { LostError } from "./program.mjs";
import { problem, response } from "./response.mjs";
import { Sessions } from "./sessions.mjs";

const heartbeat = new TextEncoder().encode(abi.HEARTBEAT);

// Thrown to roll a transaction back.
const ROLLBACK = Symbol("rollback");

/** The Durable Object class that hosts the hubs of the program's class of that name. */
export function hubClass(isolate, className) {
  return class extends DurableObject {
    #sessions = null; // made by the first turn, which boots the program
    #class = null;
    #timers = new Map();
    #heartbeat = null;
    #known = false; // whether the engine has heard of this object, rather than of one before it

    async fetch(request) {
      try {
        this.#open();
        const { body, truncated } = await readBody(request, this.#class.maxBody);
        const head = requestHead(request);
        const meta = metaOf(request);
        const out = this.#turn(abi.INPUT_REQUEST, (w) =>
          w
            .string(head)
            .data(meta)
            .u8(truncated ? 1 : 0)
            .data(body),
        );
        return out.stream ? this.#stream(request, out) : response(out.response, request);
      } catch (error) {
        return this.#failed(error);
      }
    }

    #open() {
      if (this.#sessions) return;
      this.#class = isolate.description.classes.get(className);
      if (!this.#class) throw new Error(`the program has no class ${JSON.stringify(className)}`);
      this.#sessions = new Sessions(this.#class, {
        gone: (session, reason) => this.#leave(session, reason),
        written: (session) => this.#quietly(abi.INPUT_CONTINUE, (w) => w.string(session.id)),
      });
    }

    #stream(request, out) {
      // Whichever of the signals comes first: this one, the stream's cancel, a failed write.
      request.signal?.addEventListener("abort", () => this.#sessions.end(out.session, abi.LEAVE_GONE));
      this.#heartbeat ??= setInterval(() => this.#beat(), this.#class.heartbeat);
      return new Response(out.stream, { status: out.response.status, headers: out.response.headers });
    }

    #beat() {
      this.#sessions.send({ session: "", except: [], ephemeral: true, key: "", data: heartbeat });
      this.#sessions.flush();
    }

    #leave(session, reason) {
      if (this.#sessions.size === 0) {
        clearInterval(this.#heartbeat);
        this.#heartbeat = null;
      }
      this.#quietly(abi.INPUT_LEAVE, (w) => w.string(session.id).u8(reason), [session]);
    }

    #timer(name) {
      this.#timers.delete(name);
      this.#quietly(abi.INPUT_TIMER, (w) => w.string(name));
    }

    /** A turn that nobody waits for. */
    #quietly(kind, write, leaving) {
      try {
        this.#turn(kind, write, leaving);
      } catch (error) {
        console.error(`hubbub: hub ${className}/${this.ctx.id.name}: ${error.message}`);
      }
    }

    /** Runs a turn, and carries out its effects. leaving are sessions that are gone, but not for the hub yet. */
    #turn(kind, write, leaving = []) {
      let out = this.#known ? this.#run(kind, write) : null;
      if (out === null || out.kind === abi.TURN_NEED_WAKE) {
        this.#clearTimers();
        const sessions = [...this.#sessions.states(), ...leaving];
        const woken = this.#run(abi.INPUT_WAKE, (w) => {
          w.u32(sessions.length);
          for (const { id, state } of sessions) w.string(id).data(state);
          return w;
        });
        if (woken.kind === abi.TURN_FAILED) return this.#release(woken);
        this.#known = true;
        this.#release(woken);
        out = this.#run(kind, write);
      }
      return this.#release(out);
    }

    /** Runs one input in a transaction of its own, and reads its output. */
    #run(kind, write) {
      const { storage, id } = this.ctx;
      let out;
      try {
        storage.transactionSync(() => {
          const payload = isolate.turn(storage.kv, (w) =>
            write(w.u8(kind).string(className).string(id.name).i64(Date.now())),
          );
          out = readOutput(payload);
          if (out.kind !== abi.TURN_DONE) throw ROLLBACK;
        });
      } catch (error) {
        if (error !== ROLLBACK) throw error;
      }
      return out;
    }

    /** Carries out the effects of a turn whose writes are committed. */
    #release(out) {
      if (out.kind === abi.TURN_FAILED) {
        this.#clearTimers();
        console.error(`hubbub: ${out.failure}`);
        return out;
      }
      if (out.opened) Object.assign(out, this.#sessions.open(out.opened.id, out.opened.state));
      for (const effect of out.effects) {
        switch (effect.kind) {
          case abi.EFFECT_SEND:
            this.#sessions.send(effect);
            break;
          case abi.EFFECT_CLOSE:
            this.#sessions.close(effect.session);
            break;
          case abi.EFFECT_CONTINUE:
            this.#sessions.proceed(effect.session);
            break;
          case abi.EFFECT_SAVE:
            this.#sessions.save(effect.session, effect.data);
            break;
          case abi.EFFECT_SET_TIMER:
            clearTimeout(this.#timers.get(effect.timer));
            this.#timers.set(
              effect.timer,
              setTimeout(() => this.#timer(effect.timer), effect.delay),
            );
            break;
          case abi.EFFECT_CLEAR_TIMER:
            clearTimeout(this.#timers.get(effect.timer));
            this.#timers.delete(effect.timer);
        }
      }
      this.#sessions.flush();
      return out;
    }

    #clearTimers() {
      for (const timer of this.#timers.values()) clearTimeout(timer);
      this.#timers.clear();
    }

    #failed(error) {
      const cause = `hub ${className}/${this.ctx.id.name}: ${error.message}`;
      if (!(error instanceof LostError)) console.error(`hubbub: ${cause}`);
      return problem(503, cause, isolate);
    }
  };
}

function readOutput(payload) {
  const out = { kind: payload.u8(), response: null, opened: null, effects: [] };
  switch (out.kind) {
    case abi.TURN_FAILED:
      out.failure = payload.string();
      out.response = payload.response();
      break;
    case abi.TURN_DONE:
      if (payload.u8()) out.response = payload.response();
      if (payload.u8()) out.opened = { id: payload.string(), state: payload.data() };
      for (let n = payload.u32(); n > 0; n--) out.effects.push(readEffect(payload));
  }
  return out;
}

function readEffect(payload) {
  const kind = payload.u8();
  switch (kind) {
    case abi.EFFECT_SEND:
      return {
        kind,
        session: payload.string(),
        except: payload.strings(),
        ephemeral: payload.u8() === 1,
        key: payload.string(),
        data: payload.data(),
      };
    case abi.EFFECT_CLOSE:
    case abi.EFFECT_CONTINUE:
      return { kind, session: payload.string() };
    case abi.EFFECT_SAVE:
      return { kind, session: payload.string(), data: payload.data() };
    case abi.EFFECT_SET_TIMER:
      return { kind, timer: payload.string(), delay: payload.u32() };
    case abi.EFFECT_CLEAR_TIMER:
      return { kind, timer: payload.string() };
  }
  throw new RangeError(`an unknown effect, ${kind}`);
}

/** The metadata that the front has found for the client. */
function metaOf(request) {
  const text = request.headers.get(abi.META_HEADER);
  return text === null ? new Uint8Array(0) : Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

/** The body's first limit bytes, and whether there were more. */
async function readBody(request, limit) {
  const empty = new Uint8Array(0);
  if (!request.body) return { body: empty, truncated: false };
  const parts = [];
  let length = 0;
  for await (const part of request.body) {
    parts.push(part);
    length += part.length;
    if (length > limit) break; // which cancels the body
  }
  const body = parts.length === 1 ? parts[0] : new Uint8Array(length);
  if (parts.length > 1) {
    let at = 0;
    for (const part of parts) {
      body.set(part, at);
      at += part.length;
    }
  }
  return { body: body.subarray(0, limit), truncated: length > limit };
}
