import * as host from "./host";
import { Value } from "./json";

/** What the host says of something that it refused or that failed. */
export class Fault {
  constructor(
    public code: string,
    public message: string,
    public details: string = "",
    public hint: string = "",
  ) {}

  static last(): Fault {
    const head = Value.parseOrNull(host.result(0));
    if (!head) return new Fault("", "the host gave no reason");
    return new Fault(head.str("code"), head.str("message"), head.str("details"), head.str("hint"));
  }

  toString(): string {
    return this.code.length ? this.code + ": " + this.message : this.message;
  }
}

/** What an operation gave: a fault, or a head and a body. */
export class Reply {
  constructor(
    public fault: Fault | null,
    public head: Value,
    public body: Uint8Array,
  ) {}

  get ok(): bool {
    return this.fault === null;
  }

  /** Itself, where it is ok; else the call fails, and the log says why. */
  must(): Reply {
    const fault = this.fault;
    if (fault) throw new Error(fault.toString());
    return this;
  }

  get text(): string {
    return host.decode(this.body);
  }

  get json(): Value {
    return this.body.length ? Value.parse(this.body) : new Value();
  }

  /** Rows, as values. */
  get rows(): Value[] {
    return this.json.items;
  }

  /** Rows, as objects of a class whose constructor takes a Value. */
  as<T>(): T[] {
    const rows = this.rows;
    const made: T[] = [];
    for (let i = 0; i < rows.length; i++) made.push(instantiate<T>(rows[i]));
    return made;
  }
}

export const NOTHING = new Uint8Array(0);

/** Asks the host for an operation by its name: what the others are made of. */
export function operation(op: string, head: Value, body: Uint8Array = NOTHING): Reply {
  if (!host.call(op, head.toString(), body)) return new Reply(Fault.last(), Value.object(), NOTHING);
  return new Reply(null, Value.parse(host.result(0)), host.result(1));
}
