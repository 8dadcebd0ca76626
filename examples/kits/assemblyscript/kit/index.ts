/**
 * What a function in AssemblyScript is written with:
 *
 *     import { Answer, Event, run } from "../edgehive";
 *
 *     export function edgehive_handle(): i32 {
 *       return run(handle);
 *     }
 *
 *     function handle(event: Event, answer: Answer): void {
 *       answer.text(200, "hello");
 *     }
 *
 * A throw fails the call: the caller sees that it failed, the log sees why. What a call
 * leaves behind in globals or on the heap is not there in the next.
 */

import { Answer } from "./answer";
import { Event } from "./event";
import { input } from "./host";
import { Value } from "./json";

export { Answer } from "./answer";
export { crypto, fromBase64, toBase64 } from "./crypto";
export { Caller, Change, Event, Headers, Request, Schedule } from "./event";
export { decode, encode } from "./host";
export { Kind, Value } from "./json";
export { Fault, Reply, operation } from "./operation";
export { Fetch, Query, Response, cache, callFunction, config, db, log, now, publish, random, secret } from "./services";

/** One call. */
export function run(handle: (event: Event, answer: Answer) => void): i32 {
  const answer = new Answer();
  handle(new Event(Value.parse(input(0))), answer);
  if (!answer.begin()) {
    const fault = answer.fault;
    throw new Error(fault ? fault.toString() : "the answer was refused");
  }
  return 0;
}
