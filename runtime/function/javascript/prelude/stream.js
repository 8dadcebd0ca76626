import { define } from "./host.js";

// ReadableStream is the part of it that bodies need: chunks that are put in by
// a source, and read by one reader. There are no byte streams and no pipes.
export class ReadableStream {
  #queue = [];
  #waiting = []; // readers' {resolve, reject}
  #state = "readable";
  #error;
  #source;
  #started;
  #pulling = false;
  #locked = false;
  #controller;
  constructor(source = {}) {
    this.#source = source;
    this.#controller = {
      enqueue: (chunk) => {
        if (this.#state !== "readable") throw new TypeError("the stream is closed");
        const reader = this.#waiting.shift();
        if (reader) reader.resolve({ value: chunk, done: false });
        else this.#queue.push(chunk);
      },
      close: () => {
        if (this.#state !== "readable") throw new TypeError("the stream is closed");
        this.#state = "closed";
        for (const reader of this.#waiting.splice(0)) reader.resolve({ value: undefined, done: true });
      },
      error: (error) => this.#fail(error),
      get desiredSize() { return 1; },
    };
    this.#started = Promise.resolve(source.start?.(this.#controller));
    this.#started.catch((error) => this.#fail(error));
  }
  static from(iterable) {
    const iterator = iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]();
    return new ReadableStream({
      async pull(controller) {
        const { value, done } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() { await iterator.return?.(); },
    });
  }
  get locked() { return this.#locked; }
  #fail(error) {
    if (this.#state !== "readable") return;
    this.#state = "errored";
    this.#error = error;
    this.#queue.length = 0;
    for (const reader of this.#waiting.splice(0)) reader.reject(error);
  }
  async #read() {
    await this.#started.catch(() => {});
    if (this.#queue.length > 0) return { value: this.#queue.shift(), done: false };
    if (this.#state === "closed") return { value: undefined, done: true };
    if (this.#state === "errored") throw this.#error;
    const promise = new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    this.#pull();
    return promise;
  }
  #pull() {
    if (this.#pulling || !this.#source.pull) return;
    this.#pulling = true;
    Promise.resolve().then(() => this.#source.pull(this.#controller)).then(() => {
      this.#pulling = false;
      if (this.#waiting.length > 0 && this.#state === "readable") this.#pull();
    }, (error) => this.#fail(error));
  }
  async cancel(reason) {
    if (this.#state !== "readable") return;
    this.#queue.length = 0;
    this.#state = "closed";
    for (const reader of this.#waiting.splice(0)) reader.resolve({ value: undefined, done: true });
    await this.#source.cancel?.(reason);
  }
  getReader(options) {
    if (options?.mode !== undefined) throw new TypeError("there are no byte streams here");
    if (this.#locked) throw new TypeError("the stream has a reader already");
    this.#locked = true;
    return {
      read: () => this.#read(),
      cancel: (reason) => this.cancel(reason),
      releaseLock: () => { this.#locked = false; },
    };
  }
  async *values({ preventCancel = false } = {}) {
    const reader = this.getReader();
    let over = false;
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) { over = true; return; }
        yield value;
      }
    } catch (error) {
      over = true;
      throw error;
    } finally {
      if (!over && !preventCancel) await reader.cancel();
      reader.releaseLock();
    }
  }
  [Symbol.asyncIterator](options) { return this.values(options); }
  get [Symbol.toStringTag]() { return "ReadableStream"; }
}

define({ ReadableStream });
