import { host, inCall, define } from "./host.js";

const now = Date.now;
let last = 0;
const due = []; // {id, at, every, run}, the earliest first

function add(timer) {
  let i = due.length;
  while (i > 0 && due[i - 1].at > timer.at) i--;
  due.splice(i, 0, timer);
  tell();
}

function tell() {
  if (due.length > 0) host.wait(Math.max(0, due[0].at - now()));
}

function start(what, callback, delay, values, repeat) {
  inCall(what);
  if (typeof callback !== "function") throw new TypeError(`${what} takes a function`);
  delay = Math.min(Math.max(Number(delay) || 0, 0), 2 ** 31 - 1);
  const every = repeat ? Math.max(delay, 1) : undefined;
  add({ id: ++last, at: now() + delay, every, run: () => callback(...values) });
  return last;
}

function stop(id) {
  const i = due.findIndex((timer) => timer.id === id);
  if (i >= 0) due.splice(i, 1);
}

// timers runs the timer that the host has waited for. Where all were stopped in
// the meantime there is nothing to wait for, and the host is not told to.
export function timers() {
  const timer = due.shift();
  if (!timer) return;
  if (timer.every !== undefined) add({ ...timer, at: now() + timer.every });
  try {
    timer.run();
  } finally {
    tell();
  }
}

define({
  setTimeout: (callback, delay, ...values) => start("setTimeout", callback, delay, values, false),
  setInterval: (callback, delay, ...values) => start("setInterval", callback, delay, values, true),
  clearTimeout: stop,
  clearInterval: stop,
});

export const deadline = Symbol("deadline");
const fire = Symbol("fire");

// AbortSignal, for fetch: operations are not broken off half way, but one that has
// not begun is not begun.
class AbortSignal {
  #listeners = [];
  aborted = false;
  reason = undefined;
  onabort = null;
  static abort(reason) {
    const signal = new AbortSignal();
    abort(signal, reason);
    return signal;
  }
  static timeout(delay) {
    const signal = new AbortSignal();
    signal[deadline] = now() + Number(delay);
    setTimeout(() => abort(signal, new DOMException("it took too long", "TimeoutError")), delay);
    return signal;
  }
  static any(signals) {
    const all = new AbortSignal();
    for (const signal of signals) {
      if (signal.aborted) { abort(all, signal.reason); break; }
      if (signal[deadline] !== undefined) all[deadline] = Math.min(all[deadline] ?? Infinity, signal[deadline]);
      signal.addEventListener("abort", () => abort(all, signal.reason));
    }
    return all;
  }
  throwIfAborted() { if (this.aborted) throw this.reason; }
  addEventListener(type, listener) { if (type === "abort") this.#listeners.push(listener); }
  removeEventListener(type, listener) {
    const i = this.#listeners.indexOf(listener);
    if (type === "abort" && i >= 0) this.#listeners.splice(i, 1);
  }
  [fire]() {
    const event = { type: "abort", target: this };
    this.onabort?.(event);
    for (const listener of this.#listeners.splice(0)) listener.handleEvent ? listener.handleEvent(event) : listener(event);
  }
}

function abort(signal, reason = new DOMException("it was aborted", "AbortError")) {
  if (signal.aborted) return;
  signal.aborted = true;
  signal.reason = reason;
  signal[fire]();
}

class AbortController {
  signal = new AbortSignal();
  abort(reason) { abort(this.signal, reason); }
}

define({ AbortSignal, AbortController });
