// Outbox: messages on their way. A message is in it from Enter until it comes
// back through the hub, so that it is shown once and never lost: what could not
// be sent stays, says so, and survives a reload of the tab.

import { randomKey, recall, store } from './util.js';

const SEND_TIMEOUT_MS = 15_000;
const RETRY_MS = 3000;

// States of a message: "queued" waits for its turn or for the connection,
// "sending" is in flight, "sent" was acknowledged and has not come back yet,
// "failed" was refused by the server and waits for the user.
export class Outbox {
  #items = [];
  #pumping = false;
  #timer = 0;

  // hooks: list (the <ol>), url, storageKey, bubble(message, date), detailOf(response),
  // isLive(), announce(text), settled(message), changed(size), edit(text), focus().
  constructor(hooks) {
    this.hooks = hooks;
    let kept = [];
    try {
      kept = JSON.parse(recall('sessionStorage', hooks.storageKey) || '[]');
    } catch {
      // Nothing of ours: start empty.
    }
    for (const m of kept) this.#put({ ...m, state: m.state === 'failed' ? 'failed' : 'queued', waiting: true });
  }

  add(from, text) {
    this.#put({ key: randomKey(), from, text, at: new Date().toISOString(), state: 'queued' });
    this.#save();
    this.#pump();
  }

  // arrived tells that the hub has delivered the message with this key, and
  // reports whether it was ours.
  arrived(key) {
    const m = this.#items.find((m) => m.key === key);
    if (m) this.#drop(m);
    return Boolean(m);
  }

  // resume sends what has waited for a connection.
  resume() {
    this.#pump();
  }

  // settle shows the acknowledged messages as they are: what the stream would
  // have brought back is gone.
  settle() {
    for (const m of this.#items.filter((m) => m.state === 'sent')) this.#settle(m);
  }

  // One at a time, so that messages keep their order.
  async #pump() {
    if (this.#pumping) return;
    this.#pumping = true;
    clearTimeout(this.#timer);
    for (let m; (m = this.#items.find((m) => m.state === 'queued')); ) {
      m.state = 'sending';
      this.#draw(m);
      if (!(await this.#post(m))) break;
    }
    this.#pumping = false;
  }

  // #post reports whether the server answered at all.
  async #post(m) {
    const { key, from, text, at } = m;
    let res;
    let body;
    try {
      res = await fetch(this.hooks.url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
        body: JSON.stringify({ event: 'chat', data: { from, text, at, key } }),
        signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
      });
      body = res.ok ? await res.json() : await this.hooks.detailOf(res);
    } catch {
      // No answer. Whether the hub has it is unknown, so it is sent again with
      // the same key: the hub takes it once.
      if (!this.#items.includes(m)) return true;
      m.state = 'queued';
      for (const w of this.#items.filter((w) => w.state === 'queued')) {
        w.waiting = true;
        this.#draw(w);
      }
      this.hooks.announce('Message not sent yet, waiting for the connection');
      // A live stream will not announce a reconnect, so try again unasked.
      if (this.hooks.isLive()) this.#timer = setTimeout(() => this.#pump(), RETRY_MS);
      return false;
    }
    if (!this.#items.includes(m)) return true; // it has come back already
    if (res.ok) {
      m.state = 'sent';
      this.#draw(m);
    } else {
      m.state = 'failed';
      m.detail = body;
      this.#draw(m);
      this.hooks.announce(`Message not sent: ${body}`);
    }
    this.#save();
    return true;
  }

  #put(m) {
    m.el = document.createElement('li');
    this.#items.push(m);
    this.hooks.list.append(m.el);
    this.#draw(m);
  }

  #settle(m) {
    this.#drop(m);
    this.hooks.settled(m);
  }

  #drop(m) {
    // A button that goes away must not take the focus with it.
    if (m.el.contains(document.activeElement)) this.hooks.focus();
    m.el.remove();
    this.#items = this.#items.filter((x) => x !== m);
    this.#save();
  }

  #draw(m) {
    const hadFocus = m.el.contains(document.activeElement);
    const li = this.hooks.bubble({ ...m, mine: true }, new Date(m.at));
    li.dataset.testid = 'pending';
    li.dataset.state = m.state;
    const foot = document.createElement('p');
    foot.className = 'foot';
    foot.dataset.testid = 'pending-state';
    foot.textContent = this.#label(m);
    if (m.state === 'failed' || (m.state === 'queued' && m.waiting)) {
      foot.append(
        this.#button('Retry', 'retry', () => {
          m.state = 'queued';
          this.#pump();
        }),
        this.#button('Edit', 'edit', () => {
          this.#drop(m);
          this.hooks.edit(m.text);
          this.hooks.focus();
        }),
      );
    }
    li.append(foot);
    m.el.replaceWith(li);
    m.el = li;
    if (hadFocus) this.hooks.focus();
    this.hooks.changed(this.#items.length);
  }

  #label(m) {
    if (m.state === 'failed') return `Not sent: ${m.detail} `;
    if (m.state === 'queued' && m.waiting) return 'Not sent yet, no connection ';
    return m.state === 'sent' ? 'Sent' : 'Sending…';
  }

  #button(label, id, action) {
    const b = document.createElement('button');
    b.type = 'button';
    b.className = 'link';
    b.dataset.testid = id;
    b.textContent = label;
    b.addEventListener('click', action);
    return b;
  }

  #save() {
    const kept = this.#items.filter((m) => m.state !== 'sent')
      .map(({ key, from, text, at, state, detail }) => ({ key, from, text, at, state, detail }));
    store('sessionStorage', this.hooks.storageKey, kept.length ? JSON.stringify(kept) : '');
  }
}
