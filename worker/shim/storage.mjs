// The storage of the hub whose turn runs. Writes are staged: a turn that fails leaves no trace, and one that only reads
// opens no transaction, for which its answer would have to wait.

const encoder = new TextEncoder();

/** Orders keys as storage does: by their UTF-8 bytes, which is by code points. */
function compare(a, b) {
  if (a === b) return 0;
  for (let i = 0; ; i++) {
    const x = a.codePointAt(i) ?? -1;
    const y = b.codePointAt(i) ?? -1;
    if (x !== y) return x - y;
  }
}

export class Staged {
  #kv;
  #writes = new Map(); // key → value, or undefined: deleted
  /** What reading or writing failed with, or null. */
  failed = null;

  constructor(kv) {
    this.#kv = kv;
  }

  get wrote() {
    return this.#writes.size > 0;
  }

  get(key) {
    return this.#writes.has(key) ? this.#writes.get(key) : this.#kv.get(key);
  }

  put(key, value) {
    this.#writes.set(key, value);
  }

  delete(key) {
    const existed = this.get(key) !== undefined;
    this.#writes.set(key, undefined);
    return existed;
  }

  /** The entries that select, the options of kv.list, selects. */
  list(select) {
    if (!this.wrote) return this.#kv.list(select);
    const { limit, ...all } = select;
    const entries = new Map(this.#kv.list(all));
    for (const [key, value] of this.#writes) {
      if (value === undefined) entries.delete(key);
      else if (selects(select, key)) entries.set(key, value);
    }
    const sorted = [...entries].sort(([a], [b]) => (select.reverse ? compare(b, a) : compare(a, b)));
    return limit === undefined ? sorted : sorted.slice(0, limit);
  }

  /** Writes what was staged, all or nothing. */
  commit(storage) {
    if (!this.wrote) return;
    storage.transactionSync(() => {
      for (const [key, value] of this.#writes) {
        if (value === undefined) this.#kv.delete(key);
        else this.#kv.put(key, value);
      }
    });
  }
}

function selects({ prefix = "", start, startAfter, end }, key) {
  return (
    key.startsWith(prefix) &&
    (start === undefined || compare(key, start) >= 0) &&
    (startAfter === undefined || compare(key, startAfter) > 0) &&
    (end === undefined || compare(key, end) < 0)
  );
}

/** One page of entries for the program, of at most room bytes unless its first entry is larger. See package abi. */
export function page(storage, options, room, out) {
  const select = {};
  for (const name of ["prefix", "start", "startAfter", "end"]) {
    const value = options.string();
    if (value !== "") select[name] = value;
  }
  select.reverse = options.u8() === 1;
  const limit = options.u32();
  if (limit > 0) select.limit = limit;
  out.u8(0);
  let more = false;
  for (const [key, value] of storage.list(select)) {
    const { length } = out.bytes;
    more = length > 1 && length + 8 + encoder.encode(key).length + value.length > room;
    if (more) break;
    out.string(key).data(value);
  }
  const { bytes } = out;
  bytes[0] = more ? 1 : 0;
  return bytes;
}
