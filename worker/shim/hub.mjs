// A Durable Object that hosts one hub of the program.

import { DurableObject } from "cloudflare:workers";
import * as abi from "./abi.gen.mjs";
import { requestHead } from "./codec.mjs";
import { LostError } from "./program.mjs";
import { problem, response, storageProblem } from "./response.mjs";
import { Sessions } from "./sessions.mjs";
import { Staged } from "./storage.mjs";

const heartbeat = new TextEncoder().encode(abi.HEARTBEAT);

/** The Durable Object class that hosts the hubs of the program's class of that name. */
export function hubClass(isolate, className) {
  return class extends DurableObject {
    #sessions = null; // made by the first turn, which boots the program
    #class = null;
    #timers = new Map();
    #heartbeat = null;
    #known = false; // whether the engine has heard of this object, rather than of one before it
    #rousing = null; // the timer of rouse
    #wrote = false; // whether something was committed since storage was last durable

    get #address() {
      return `${className}/${this.ctx.id.name}`;
    }

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
        if (out.storageError) return storageProblem(out.storageError, `hub ${this.#address}`, isolate);
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
        durable: () => this.#durable(),
      });
    }

    #stream(request, out) {
      // Whichever of the signals comes first: this one, the stream's cancel, a failed write.
      const gone = () => this.#sessions.end(out.session, abi.LEAVE_GONE);
      if (request.signal?.aborted) gone();
      else request.signal?.addEventListener("abort", gone);
      return new Response(out.stream, { status: out.response.status, headers: out.response.headers });
    }

    /** Resolves when what was committed is durable. The answer to a request waits for that by itself; streams do not. */
    async #durable() {
      if (!this.#wrote) return;
      this.#wrote = false;
      try {
        await this.ctx.storage.sync();
      } catch (error) {
        this.#wrote = true;
        throw error;
      }
    }

    #beat() {
      this.#vouch();
      if (this.#sessions.size === 0) return;
      this.#sessions.send({ session: "", except: [], ephemeral: true, silent: true, key: "", data: heartbeat });
      this.#sessions.flush();
    }

    /** Tells the isolate that this object lives, as long as the engine holds something for it. */
    #vouch() {
      const write = (w) => this.#head(w, abi.INPUT_FORGET);
      isolate.vouch(this.#address, 3 * this.#class.heartbeat + 60_000, write);
    }

    /** Keeps the heartbeat going while there are sessions or timers, and not longer: it keeps the object awake. */
    #keepAwake() {
      const needed = this.#sessions.size > 0 || this.#timers.size > 0;
      if (needed && this.#heartbeat === null) {
        this.#heartbeat = setInterval(() => this.#beat(), this.#class.heartbeat);
        this.#vouch();
      } else if (!needed && this.#heartbeat !== null) {
        clearInterval(this.#heartbeat);
        this.#heartbeat = null;
      }
    }

    #leave(session, reason) {
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
        console.error(`hubbub: hub ${this.#address}: ${error.message}`);
      }
    }

    /** Runs a turn, and carries out its effects. leaving are sessions that are gone, but not for the hub yet. */
    #turn(kind, write, leaving = []) {
      try {
        // More than once only if an instance is lost in between.
        for (let tries = 0; tries < 3; tries++) {
          if (!this.#known) {
            const woken = this.#wake(leaving);
            if (woken.kind === abi.TURN_FAILED) return woken;
          }
          const out = this.#run(kind, write);
          if (out.kind !== abi.TURN_NEED_WAKE) return this.#release(out);
          this.#known = false;
        }
        throw new Error("the hub does not stay awake");
      } finally {
        this.#keepAwake();
      }
    }

    /** Tells the engine of the hub and its sessions. */
    #wake(leaving) {
      this.#clearTimers();
      const sessions = [...this.#sessions.states(), ...leaving];
      const out = this.#run(abi.INPUT_WAKE, (w) => {
        w.u32(sessions.length);
        for (const { id, state } of sessions) w.string(id).data(state);
        return w;
      });
      this.#known = true;
      return this.#release(out);
    }

    #head(w, kind) {
      return w.u8(kind).string(className).string(this.ctx.id.name).i64(Date.now());
    }

    /** Runs one input, commits what it has written, and reads its output. */
    #run(kind, write) {
      const { storage } = this.ctx;
      const staged = new Staged(storage.kv);
      try {
        const out = readOutput(isolate.turn(staged, (w) => write(this.#head(w, kind))));
        if (out.kind === abi.TURN_FAILED) out.storageError = staged.failed;
        if (out.kind === abi.TURN_DONE) this.#commit(staged, out);
        return out;
      } catch (error) {
        this.#known = false; // the engine may be ahead of storage
        throw error;
      }
    }

    #commit(staged, out) {
      if (!staged.wrote) return;
      try {
        staged.commit(this.ctx.storage);
        this.#wrote = true;
      } catch (error) {
        this.#known = false;
        Object.assign(out, { kind: abi.TURN_FAILED, failure: `hub ${this.#address}: storage failed: ${error.message}` });
        out.storageError = error;
      }
    }

    /** Carries out the effects of a turn whose writes are committed. */
    #release(out) {
      if (out.kind === abi.TURN_FAILED) {
        this.#known = false;
        this.#clearTimers();
        console.error(`hubbub: ${out.failure}`);
        // The timers that the hub had set went with it: it sets them again when it wakes, which must not wait for the
        // next request if somebody listens.
        if (this.#sessions.size > 0 && !this.#rousing) this.#rousing = setTimeout(() => this.#rouse(), 0);
        return out;
      }
      if (out.opened) Object.assign(out, this.#sessions.open(out.opened.id, out.opened.state));
      for (const effect of out.effects) this.#apply(effect);
      this.#sessions.flush();
      return out;
    }

    #apply(effect) {
      switch (effect.kind) {
        case abi.EFFECT_SEND:
          return this.#sessions.send(effect);
        case abi.EFFECT_CLOSE:
          return this.#sessions.close(effect.session);
        case abi.EFFECT_CONTINUE:
          return this.#sessions.proceed(effect.session);
        case abi.EFFECT_SAVE:
          return this.#sessions.save(effect.session, effect.data);
        case abi.EFFECT_SET_TIMER: {
          clearTimeout(this.#timers.get(effect.timer));
          const timer = setTimeout(() => this.#timer(effect.timer), effect.delay);
          this.#timers.set(effect.timer, timer);
          return;
        }
        case abi.EFFECT_CLEAR_TIMER:
          clearTimeout(this.#timers.get(effect.timer));
          this.#timers.delete(effect.timer);
      }
    }

    /** Wakes the hub, unless something else has by now. If that fails, the next request tries. */
    #rouse() {
      try {
        if (!this.#known) this.#wake([]);
      } catch (error) {
        console.error(`hubbub: hub ${this.#address}: ${error.message}`);
      } finally {
        this.#rousing = null;
        this.#keepAwake();
      }
    }

    #clearTimers() {
      for (const timer of this.#timers.values()) clearTimeout(timer);
      this.#timers.clear();
    }

    #failed(error) {
      const cause = `hub ${this.#address}: ${error.message}`;
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
