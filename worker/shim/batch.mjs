// What one flush of the outbox writes.
//
// An entry is { session, except, ephemeral, key, data }: data for one session, or for all but some when session is
// empty, and silent when nobody is told if it is skipped; or { session, close: true }, behind which the session gets nothing; or { session, proceed: true }.

/** The data of entries as one array, or null if there is none. */
export function join(entries) {
  if (entries.length <= 1) return entries[0]?.data ?? null;
  const chunk = new Uint8Array(entries.reduce((sum, { data }) => sum + data.length, 0));
  let at = 0;
  for (const { data } of entries) {
    chunk.set(data, at);
    at += data.length;
  }
  return chunk;
}

export class Batch {
  #entries;
  #first; // the number of the first entry, counted since the beginning
  #toAll;
  #some = new Set(); // sessions that do not simply get what all get
  #shared = new Map(); // from which entry on → the chunk of those that do

  constructor(entries, first) {
    this.#entries = entries;
    this.#first = first;
    this.#toAll = entries.some(({ session }) => session === "");
    for (const { session, except } of entries) {
      if (session !== "") this.#some.add(session);
      else for (const id of except) this.#some.add(id);
    }
  }

  /** The sessions to write to. */
  recipients(open) {
    if (this.#toAll) return open.values();
    return [...this.#some].map((id) => open.get(id)).filter((session) => session !== undefined);
  }

  /** What the session gets, as one array, or null. */
  chunk(session) {
    if (this.#some.has(session.id)) return join(this.entries(session));
    const from = this.#from(session);
    let chunk = this.#shared.get(from);
    if (chunk === undefined) this.#shared.set(from, (chunk = join(this.entries(session))));
    return chunk;
  }

  /** What the session gets, entry by entry. */
  entries(session) {
    const mine = [];
    for (let i = this.#from(session); i < this.#entries.length; i++) {
      const entry = this.#entries[i];
      if (entry.session === "" ? entry.except.includes(session.id) : entry.session !== session.id) continue;
      if (entry.close) break;
      if (entry.data) mine.push(entry);
    }
    return mine;
  }

  closes(session) {
    return this.#has(session, "close");
  }

  proceeds(session) {
    return this.#has(session, "proceed");
  }

  #has(session, what) {
    return this.#some.has(session.id) && this.#entries.some((entry) => entry.session === session.id && entry[what]);
  }

  /** The first entry for a session: it may have joined since. */
  #from(session) {
    return Math.max(0, session.from - this.#first);
  }
}
