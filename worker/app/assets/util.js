// Small helpers without state.

// segment encodes a name as one path segment. Beyond encodeURIComponent it
// encodes what a shell or a quoted string would trip over.
export function segment(name) {
  return encodeURIComponent(name).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

// roomProblem says why a name cannot be a hub's, or "" when it can.
export function roomProblem(name) {
  if (!name) return 'A room needs a name.';
  if (name === '.' || name === '..') return 'A room cannot be called “.” or “..”: in an address they mean a folder.';
  if (/\p{Cc}/u.test(name)) return 'A room’s name has no control characters.';
  if (new TextEncoder().encode(name).length > 256) return 'A room’s name is at most 256 bytes long.';
  return '';
}

const ADJECTIVES = ['Amber', 'Brisk', 'Calm', 'Clever', 'Gentle', 'Jolly', 'Lucky', 'Mellow', 'Nimble', 'Quiet', 'Rapid', 'Sunny', 'Swift', 'Witty'];
const ANIMALS = ['Badger', 'Crane', 'Falcon', 'Fox', 'Gopher', 'Heron', 'Ibis', 'Lynx', 'Marten', 'Otter', 'Owl', 'Puffin', 'Seal', 'Wren'];

export function generateName() {
  const pick = (list) => list[Math.floor(Math.random() * list.length)];
  return `${pick(ADJECTIVES)} ${pick(ANIMALS)}`;
}

// randomKey is 96 random bits. crypto.randomUUID exists in secure contexts only,
// and a page on a local network has none.
export function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, '0')).join('');
}

// store and recall take the storage by name, as even naming it throws where it is
// forbidden. It may be full, too: the page works without it.
export function store(storage, key, value) {
  try {
    if (value) globalThis[storage].setItem(key, value);
    else globalThis[storage].removeItem(key);
  } catch {
    // Not kept.
  }
}

export function recall(storage, key) {
  try {
    return globalThis[storage].getItem(key) ?? '';
  } catch {
    return '';
  }
}

// copy puts text on the clipboard and reports whether it could. Without a
// secure context only the old command is there.
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const was = document.activeElement;
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'unseen';
    document.body.append(area);
    area.select();
    const ok = document.execCommand('copy');
    area.remove();
    was?.focus();
    return ok;
  }
}
