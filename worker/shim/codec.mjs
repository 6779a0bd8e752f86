// The wire format of package abi: little-endian integers, and bytes with a length of four bytes before them.

const encoder = new TextEncoder();
// A leading U+FEFF is part of the text.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Writes values into a buffer of its own, which is used again after reset(). */
export class Writer {
  #bytes = new Uint8Array(16 << 10);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  reset() {
    this.#length = 0;
    return this;
  }

  /** What was written; valid until the next reset(). */
  get bytes() {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(n) {
    if (this.#length + n <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#length + n, 2 * this.#bytes.length));
    larger.set(this.bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  u8(value) {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  u32(value) {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
    return this;
  }

  /** A signed integer of 64 bits; value is an integer within the safe range. */
  i64(value) {
    this.#reserve(8);
    this.#view.setUint32(this.#length, value >>> 0, true); // a BigInt would cost a microsecond
    this.#view.setInt32(this.#length + 4, Math.floor(value / 2 ** 32), true);
    this.#length += 8;
    return this;
  }

  data(bytes) {
    this.u32(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  string(text) {
    this.#reserve(4 + 3 * text.length); // a UTF-16 unit is at most three bytes of UTF-8
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(this.#length + 4));
    this.#view.setUint32(this.#length, written, true);
    this.#length += 4 + written;
    return this;
  }
}

/** Reads values off the front of bytes. Reading past the end throws a RangeError. */
export class Reader {
  #bytes;
  #view;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get left() {
    return this.#bytes.length - this.#at;
  }

  u8() {
    return this.#view.getUint8(this.#at++);
  }

  u32() {
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }

  #take() {
    const length = this.u32();
    if (length > this.left) throw new RangeError("the output is cut off");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** A copy: the program's memory is used again by its next turn. */
  data() {
    return this.#take().slice();
  }

  string() {
    return decoder.decode(this.#take());
  }

  /** A number of strings, and that many. */
  strings() {
    const n = this.u32();
    const list = [];
    while (list.length < n) list.push(this.string());
    return list;
  }

  /** The fields of a head, as Headers. */
  headers() {
    const headers = new Headers();
    const lines = this.string().split("\n");
    for (let i = 0; i + 1 < lines.length; i += 2) headers.append(lines[i], lines[i + 1]);
    return headers;
  }

  /** A whole response. */
  response() {
    const status = this.u32();
    const headers = this.headers();
    return { status, headers, body: this.data() };
  }
}

/** The text of a request's head: method, path, query, then names and values, each with a line feed behind it. */
export function requestHead(request) {
  // request.url is absolute, and an HTTP parser has seen to it that no part of a head has a line feed.
  const url = request.url;
  const path = url.indexOf("/", url.indexOf("://") + 3);
  const hash = url.indexOf("#", path);
  const end = hash < 0 ? url.length : hash;
  const mark = url.indexOf("?", path);
  const query = mark >= 0 && mark < end ? mark : end;
  let head = request.method + "\n" + url.slice(path, query) + "\n" + url.slice(query + 1, end) + "\n";
  request.headers.forEach((value, name) => (head += name + "\n" + value + "\n"));
  return head;
}
