// The chat page of one room. A room is a hub: the page subscribes to
// /hubs/{room}/events with a plain EventSource and publishes with a POST to
// the same address. There is no other protocol and no build step.

import { Outbox } from './outbox.js';
import { copy, generateName, recall, roomProblem, segment, store } from './util.js';

const $ = (id) => document.getElementById(id);

const room = new URLSearchParams(location.search).get('room') || 'lobby';
const hubURL = `/hubs/${segment(room)}`;
const eventsURL = `${hubURL}/events`;

const MAX_SHOWN = 500; // messages kept in the page; older ones leave it
const GROUP_MS = 5 * 60_000; // one heading for what one author says within it
const BACKOFF_MS = 500; // first wait before a new EventSource
const BACKOFF_MAX_MS = 15_000;

// --- connection state ------------------------------------------------------

const STATES = {
  connecting: 'Connecting…',
  live: 'Live',
  back: 'Back live',
  lost: 'Connection lost — reconnecting…',
  unreachable: 'Cannot connect — trying again…',
  refused: 'This room cannot be opened',
};
const HINT = 'Enter sends, Shift+Enter starts a new line';
const HINT_LOST = 'What you send now goes out when the connection is back';

let state = 'connecting';
let problem = ''; // why the server refused the stream, in its own words
let wasLive = false;

function setState(next) {
  const before = state;
  state = next;
  // "back" is worded differently but is the same condition as "live".
  const live = next === 'live' || next === 'back';
  $('status').dataset.state = live ? 'live' : next === 'unreachable' ? 'lost' : next;
  $('status').textContent = STATES[next];
  $('hint').textContent = problem || (next === 'lost' || next === 'unreachable' ? HINT_LOST : HINT);
  document.body.classList.toggle('offline', !live);
  if (!live) setCount(null);
  if (next !== before && !(before === 'back' && next === 'live')) announce(STATES[next]);
}

const isLive = () => state === 'live' || state === 'back';

// Only a change of the region's text is read out: callers pass what is news.
function announce(text) {
  $('announce').textContent = text;
}

function setCount(size) {
  $('count').textContent = size ?? '–';
}

// --- subscription ----------------------------------------------------------

let source = null;
let lastId = ''; // of the last event heard
let attempt = 0;
let retryTimer = 0;
let backTimer = 0;

function connect() {
  clearTimeout(retryTimer);
  source?.close();
  // A new EventSource does not know where the one before it was.
  source = new EventSource(lastId ? `${eventsURL}?last_event_id=${encodeURIComponent(lastId)}` : eventsURL);
  source.addEventListener('connected', onConnected);
  source.addEventListener('connections', (e) => setCount(parse(e.data)?.size ?? null));
  source.addEventListener('chat', (e) => receive(e, chatOf(e.data)));
  // An event without a name is nobody's chat message, but it was published to
  // this room, and the page shows all that it hears.
  source.addEventListener('message', (e) => receive(e, { from: 'event', text: e.data, raw: true }));
  source.addEventListener('gap', () => {
    addNotice('Some messages that were sent meanwhile are no longer available');
    outbox.settle();
  });
  source.addEventListener('error', onError);
}

// "connected" rather than EventSource's own "open": it proves that bytes of the
// stream arrive, where "open" only proves headers.
function onConnected() {
  attempt = 0;
  problem = '';
  if (wasLive && !isLive()) {
    setState('back');
    clearTimeout(backTimer);
    backTimer = setTimeout(() => state === 'back' && setState('live'), 6000);
  } else if (!isLive()) {
    setState('live');
  }
  wasLive = true;
  outbox.resume();
}

function onError() {
  setState(wasLive ? 'lost' : 'unreachable');
  // In CONNECTING the browser is trying by itself. In CLOSED it has given up,
  // as it does after any answer that is not an event stream.
  if (source.readyState !== EventSource.CLOSED) return;
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** attempt++);
  clearTimeout(retryTimer);
  retryTimer = setTimeout(connect, ceiling * (0.5 + Math.random() / 2));
  explain();
}

// An EventSource does not tell why it was refused; the hub's own address does.
async function explain() {
  try {
    const res = await fetch(hubURL);
    if (isLive()) return;
    problem = res.ok ? '' : await detailOf(res);
    setState(state);
    if (problem) announce(problem);
  } catch {
    // Unreachable: which the state already says.
  }
}

function reconnectNow() {
  if (source?.readyState === EventSource.CLOSED) connect();
}

// --- messages --------------------------------------------------------------

const keys = new Set(); // of the messages shown, so that a resend is shown once
let unread = 0;
let newer = 0;

function parse(json) {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function chatOf(data) {
  const m = parse(data);
  if (typeof m?.text !== 'string') return { from: 'event', text: data, raw: true };
  const from = typeof m.from === 'string' && m.from.trim() ? m.from.trim() : 'someone';
  const at = Date.parse(m.at);
  return { from, text: m.text, at: Number.isNaN(at) ? undefined : new Date(at), key: m.key };
}

function receive(e, m) {
  lastId = e.lastEventId;
  if (typeof m.key === 'string') {
    if (keys.has(m.key)) return;
    m.mine = outbox.arrived(m.key);
  }
  addMessage(m);
  if (document.hidden && !m.mine) {
    unread++;
    setTitle();
  }
}

function remember(key) {
  keys.add(key);
  if (keys.size > 2 * MAX_SHOWN) keys.delete(keys.values().next().value);
}

function addMessage(m) {
  if (typeof m.key === 'string') remember(m.key);
  const at = m.at ?? new Date();
  const last = $('messages').lastElementChild;
  const li = bubble(m, at);
  if (last?.dataset.from === m.from && last.classList.contains('mine') === li.classList.contains('mine') &&
      last.dataset.raw === li.dataset.raw && Math.abs(at - last.dataset.at) < GROUP_MS) {
    li.classList.add('follows');
  }
  append(li, m.mine);
}

// bubble builds a message from text nodes only: nothing a client sends is HTML.
function bubble(m, at) {
  const li = document.createElement('li');
  li.className = m.mine ? 'message mine' : 'message';
  li.dataset.testid = 'entry';
  li.dataset.from = m.from;
  li.dataset.at = +at;
  if (m.raw) li.dataset.raw = '';
  li.style.setProperty('--hue', hue(m.from));

  const avatar = document.createElement('span');
  avatar.className = 'avatar';
  avatar.ariaHidden = 'true';
  avatar.textContent = m.raw ? '{}' : [...m.from][0].toUpperCase();

  const head = document.createElement('p');
  head.className = 'head';
  const who = document.createElement('bdi');
  who.className = 'who';
  who.textContent = m.mine ? 'You' : m.from.slice(0, 80);
  const when = document.createElement('time');
  when.dateTime = at.toISOString();
  when.title = at.toLocaleString();
  when.textContent = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  head.append(who, ' ', when);

  const text = document.createElement('p');
  text.className = 'text';
  text.dir = 'auto';
  text.dataset.testid = 'text';
  text.textContent = m.text;

  li.append(avatar, head, text);
  return li;
}

function addNotice(text) {
  const li = document.createElement('li');
  li.className = 'notice';
  li.dataset.testid = 'notice';
  li.textContent = text;
  append(li, false);
}

function append(li, follow) {
  const stick = follow || atBottom;
  $('messages').append(li);
  while ($('messages').childElementCount > MAX_SHOWN) $('messages').firstElementChild.remove();
  $('empty').hidden = true;
  if (stick) return toBottom();
  newer++;
  $('newer').textContent = newer === 1 ? '1 new message ↓' : `${newer} new messages ↓`;
  $('newer').hidden = false;
}

function hue(name) {
  let h = 7;
  for (const c of name) h = (h * 31 + c.codePointAt(0)) % 3600;
  return (h * 47) % 360;
}

function setTitle() {
  document.title = `${unread ? `(${unread}) ` : ''}${room} · Hubbub`;
}

// --- scrolling -------------------------------------------------------------

let atBottom = true;

function toBottom() {
  $('scroller').scrollTop = $('scroller').scrollHeight;
  atBottom = true;
  newer = 0;
  $('newer').hidden = true;
}

$('scroller').addEventListener('scroll', () => {
  const s = $('scroller');
  atBottom = s.scrollHeight - s.scrollTop - s.clientHeight < 40;
  if (atBottom) toBottom();
}, { passive: true });

// The view shrinks when the box grows or a phone's keyboard opens.
new ResizeObserver(() => atBottom && toBottom()).observe($('scroller'));

$('newer').addEventListener('click', () => {
  toBottom();
  $('message').focus();
});

// --- sending ---------------------------------------------------------------

async function detailOf(res) {
  const body = await res.json().catch(() => null);
  return body?.detail || body?.title || `The server answered ${res.status}`;
}

const box = $('message');
const draftKey = `hubbub.draft.${room}`;

const outbox = new Outbox({
  list: $('outbox'),
  url: eventsURL,
  storageKey: `hubbub.outbox.${room}`,
  bubble,
  detailOf,
  isLive,
  announce,
  // Acknowledged, but the stream that would have brought it back is gone.
  settled: (m) => addMessage({ ...m, at: new Date(m.at), mine: true }),
  changed: (size) => {
    if (size) $('empty').hidden = true;
    if (atBottom) toBottom();
  },
  edit: (text) => {
    box.value = box.value ? `${text}\n${box.value}` : text;
    grow();
  },
  focus: () => box.focus(),
});

function grow() {
  box.style.height = 'auto';
  box.style.height = `${box.scrollHeight + 2}px`;
  store('sessionStorage', draftKey, box.value);
}

function send() {
  const text = box.value.trimEnd();
  if (!text.trim()) return;
  outbox.add(currentName(), text);
  box.value = '';
  grow();
  toBottom();
}

box.addEventListener('input', grow);
box.addEventListener('keydown', (e) => {
  // While an input method composes, Enter chooses a candidate.
  if (e.key !== 'Enter' || e.shiftKey || e.isComposing || e.keyCode === 229) return;
  e.preventDefault();
  send();
});
$('composer').addEventListener('submit', (e) => {
  e.preventDefault();
  send();
  box.focus();
});

// --- name, room, and the small tools ---------------------------------------

// Each tab may have a name of its own; a new tab starts with the latest one.
const nameKey = 'hubbub.name';
let fallbackName = recall('sessionStorage', nameKey) || recall('localStorage', nameKey) || generateName();

function currentName() {
  return $('name').value.trim() || fallbackName;
}

function saveName() {
  $('name').value = fallbackName = currentName();
  store('sessionStorage', nameKey, fallbackName);
  store('localStorage', nameKey, fallbackName);
}

$('name').value = fallbackName;
saveName();
$('name').addEventListener('change', saveName);
$('name-form').addEventListener('submit', (e) => {
  e.preventDefault();
  saveName();
  box.focus();
});

function showRoomProblem(text) {
  $('room-problem').textContent = text;
  $('room-problem').hidden = !text;
  $('room').ariaInvalid = text ? 'true' : 'false';
}

$('room-form').addEventListener('submit', (e) => {
  const wanted = $('room').value.trim();
  const trouble = roomProblem(wanted);
  showRoomProblem(trouble);
  $('room').value = wanted;
  if (trouble || wanted === room) e.preventDefault();
  if (!trouble && wanted === room) box.focus();
});
$('room').addEventListener('input', () => showRoomProblem(''));

$('share').addEventListener('click', () => copied($('share'), new URL(`/?room=${segment(room)}`, location.href).href));
for (const button of document.querySelectorAll('[data-copy]')) {
  button.addEventListener('click', () => copied(button, $(button.dataset.copy).textContent));
}

async function copied(button, text) {
  const label = button.dataset.label ??= button.textContent;
  const ok = await copy(text);
  button.textContent = ok ? 'Copied' : 'Not copied';
  announce(ok ? 'Copied' : 'Could not copy');
  setTimeout(() => (button.textContent = label), 2000);
}

$('room').value = room;
$('room-title').textContent = room;
$('room-title').title = room;
setTitle();
const absolute = new URL(eventsURL, location.href).href;
$('try-publish').textContent = `curl --json '{"event":"chat","data":{"from":"curl","text":"Hello!"}}' ${absolute}`;
$('try-subscribe').textContent = `new EventSource(\n'${absolute}'\n).addEventListener('chat', console.log)`;

const wide = matchMedia('(min-width: 56rem)');
const openWhenWide = () => ($('try').open = wide.matches);
wide.addEventListener('change', openWhenWide);
openWhenWide();

box.value = recall('sessionStorage', draftKey);
grow();
// On a touch screen focus would raise the keyboard over the conversation.
if (!matchMedia('(pointer: coarse)').matches) box.focus();

document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  unread = 0;
  setTitle();
  reconnectNow();
});
addEventListener('online', reconnectNow);
// A page kept for the back button must not hold a session meanwhile.
addEventListener('pagehide', () => source?.close());
addEventListener('pageshow', (e) => {
  if (!e.persisted || state === 'refused') return;
  setState('connecting');
  connect();
});

const trouble = roomProblem(room);
if (trouble) {
  showRoomProblem(trouble);
  setState('refused');
  box.disabled = $('send').disabled = true;
} else {
  setState('connecting');
  connect();
}
