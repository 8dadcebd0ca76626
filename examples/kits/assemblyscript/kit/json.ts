// JSON values. Numbers keep the text that they were written with, so that none is
// rounded on its way through.

import { encode } from "./host";

export enum Kind {
  Null,
  Bool,
  Number,
  String,
  Array,
  Object,
}

/** Values nest no deeper than this, as each level takes some of the stack. */
const DEEPEST = 128;

/** A JSON value. */
export class Value {
  /** Of a string its text, of a number the number as it was written. */
  text: string = "";
  truth: bool = false;
  /** The elements of an array, or the values of an object's members. */
  items: Value[] = [];
  /** The names of an object's members, in the order in which they were written. */
  names: string[] = [];

  constructor(public kind: Kind = Kind.Null) {}

  /** Reads JSON; what is not JSON fails the call: parseOrNull gives null. */
  static parse(json: Uint8Array): Value {
    const value = Value.parseOrNull(json);
    if (!value) throw new Error("not JSON");
    return value;
  }

  static parseOrNull(json: Uint8Array): Value | null {
    return new Reader(json.dataStart, json.dataStart + json.length).whole();
  }

  static object(): Value {
    return new Value(Kind.Object);
  }

  static array(): Value {
    return new Value(Kind.Array);
  }

  /** A value of a text, a number, a boolean, an array of them, or a Value. */
  static of<T>(value: T): Value {
    if (isString<T>()) {
      if (isNullable<T>() && changetype<usize>(value) == 0) return new Value();
      const made = new Value(Kind.String);
      made.text = changetype<string>(value);
      return made;
    } else if (isBoolean<T>()) {
      const made = new Value(Kind.Bool);
      made.truth = value as bool;
      return made;
    } else if (isInteger<T>()) {
      return Value.number(value.toString());
    } else if (isFloat<T>()) {
      if (!isFinite(value as f64)) return new Value();
      const text = value.toString();
      return Value.number(text.endsWith(".0") ? text.substring(0, text.length - 2) : text);
    } else if (isArray<T>()) {
      const made = new Value(Kind.Array);
      for (let i = 0; i < value.length; i++) made.push(value[i]);
      return made;
    } else {
      if (isNullable<T>() && changetype<usize>(value) == 0) return new Value();
      if (!(value instanceof Value)) throw new Error("a value of this type has no JSON");
      return changetype<Value>(value);
    }
  }

  private static number(text: string): Value {
    const made = new Value(Kind.Number);
    made.text = text;
    return made;
  }

  /** Sets a member of an object, and gives the object. */
  set<T>(name: string, value: T): Value {
    const at = this.names.indexOf(name);
    if (at >= 0) {
      this.items[at] = Value.of<T>(value);
    } else {
      this.names.push(name);
      this.items.push(Value.of<T>(value));
    }
    return this;
  }

  /** Appends to an array, and gives the array. */
  push<T>(value: T): Value {
    this.items.push(Value.of<T>(value));
    return this;
  }

  /** The member of an object, or null as a value. */
  get(name: string): Value {
    const at = this.names.indexOf(name);
    return at >= 0 ? this.items[at] : new Value();
  }

  /** The element of an array, or null as a value. */
  at(index: i32): Value {
    return index >= 0 && index < this.items.length ? this.items[index] : new Value();
  }

  get isNull(): bool {
    return this.kind == Kind.Null;
  }

  /** A member that is text, or "". */
  str(name: string): string {
    const value = this.get(name);
    return value.kind == Kind.String ? value.text : "";
  }

  /** A member that is a whole number, or 0 where it is none, or does not fit. */
  int(name: string): i64 {
    return this.get(name).asInt();
  }

  /** A member that is a number, or NaN. */
  float(name: string): f64 {
    return this.get(name).asFloat();
  }

  /** Whether a member is true. */
  bool(name: string): bool {
    return this.get(name).truth;
  }

  asInt(): i64 {
    if (this.kind != Kind.Number) return 0;
    const negative = this.text.startsWith("-");
    const most: u64 = negative ? 1 << 63 : i64.MAX_VALUE;
    let sum: u64 = 0;
    for (let i = negative ? 1 : 0; i < this.text.length; i++) {
      const digit = this.text.charCodeAt(i) - 48;
      if (digit < 0 || digit > 9 || sum > (most - digit) / 10) return 0;
      sum = sum * 10 + digit;
    }
    return negative ? <i64>(0 - sum) : <i64>sum;
  }

  asFloat(): f64 {
    return this.kind == Kind.Number ? parseFloat(this.text) : NaN;
  }

  /** JSON. */
  toString(): string {
    const out: string[] = [];
    this.write(out);
    return out.join("");
  }

  toBytes(): Uint8Array {
    return encode(this.toString());
  }

  private write(out: string[]): void {
    switch (this.kind) {
      case Kind.Null: {
        out.push("null");
        break;
      }
      case Kind.Bool: {
        out.push(this.truth ? "true" : "false");
        break;
      }
      case Kind.Number: {
        out.push(this.text);
        break;
      }
      case Kind.String: {
        quote(this.text, out);
        break;
      }
      case Kind.Array: {
        out.push("[");
        for (let i = 0; i < this.items.length; i++) {
          if (i > 0) out.push(",");
          this.items[i].write(out);
        }
        out.push("]");
        break;
      }
      case Kind.Object: {
        out.push("{");
        for (let i = 0; i < this.items.length; i++) {
          if (i > 0) out.push(",");
          quote(this.names[i], out);
          out.push(":");
          this.items[i].write(out);
        }
        out.push("}");
        break;
      }
    }
  }
}

function quote(text: string, out: string[]): void {
  out.push('"');
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 0x20 && c != 0x22 && c != 0x5c) continue;
    out.push(text.substring(start, i));
    start = i + 1;
    if (c == 0x22) out.push('\\"');
    else if (c == 0x5c) out.push("\\\\");
    else out.push("\\u00" + (c < 16 ? "0" : "") + c.toString(16));
  }
  out.push(start == 0 ? text : text.substring(start));
  out.push('"');
}

/** Reads the UTF-8 between two places of the memory. */
class Reader {
  private depth: i32 = 0;

  constructor(
    private at: usize,
    private end: usize,
  ) {}

  whole(): Value | null {
    const value = this.value();
    this.space();
    return value && this.at == this.end ? value : null;
  }

  private peek(): u32 {
    return this.at < this.end ? load<u8>(this.at) : 0;
  }

  private take(c: u32): bool {
    if (this.peek() != c) return false;
    this.at++;
    return true;
  }

  private word(text: string): bool {
    const start = this.at;
    for (let i = 0; i < text.length; i++) {
      if (!this.take(text.charCodeAt(i))) {
        this.at = start;
        return false;
      }
    }
    return true;
  }

  private space(): void {
    for (let c = this.peek(); c == 0x20 || c == 0x0a || c == 0x0d || c == 0x09; c = this.peek()) this.at++;
  }

  private value(): Value | null {
    if (++this.depth > DEEPEST) return null;
    this.space();
    let value: Value | null = null;
    const c = this.peek();
    if (c == 0x7b) {
      value = this.object();
    } else if (c == 0x5b) {
      value = this.array();
    } else if (c == 0x22) {
      const text = this.string();
      if (text !== null) value = Value.of<string>(text);
    } else if (this.word("true")) {
      value = Value.of<bool>(true);
    } else if (this.word("false")) {
      value = Value.of<bool>(false);
    } else if (this.word("null")) {
      value = new Value();
    } else {
      value = this.number();
    }
    this.depth--;
    return value;
  }

  private array(): Value | null {
    const list = Value.array();
    this.at++;
    this.space();
    if (this.take(0x5d)) return list;
    while (true) {
      const item = this.value();
      if (!item) return null;
      list.items.push(item);
      this.space();
      if (this.take(0x5d)) return list;
      if (!this.take(0x2c)) return null;
    }
  }

  private object(): Value | null {
    const object = Value.object();
    this.at++;
    this.space();
    if (this.take(0x7d)) return object;
    while (true) {
      this.space();
      const name = this.string();
      if (name === null) return null;
      this.space();
      if (!this.take(0x3a)) return null;
      const item = this.value();
      if (!item) return null;
      object.names.push(name);
      object.items.push(item);
      this.space();
      if (this.take(0x7d)) return object;
      if (!this.take(0x2c)) return null;
    }
  }

  private digits(): bool {
    const start = this.at;
    for (let c = this.peek(); c >= 0x30 && c <= 0x39; c = this.peek()) this.at++;
    return this.at > start;
  }

  private number(): Value | null {
    const start = this.at;
    this.take(0x2d);
    if (!this.take(0x30) && !this.digits()) return null;
    if (this.take(0x2e) && !this.digits()) return null;
    if (this.take(0x65) || this.take(0x45)) {
      if (!this.take(0x2b)) this.take(0x2d);
      if (!this.digits()) return null;
    }
    const value = new Value(Kind.Number);
    value.text = String.UTF8.decodeUnsafe(start, this.at - start);
    return value;
  }

  private string(): string | null {
    if (!this.take(0x22)) return null;
    let text = "";
    while (true) {
      const start = this.at;
      for (let c = this.peek(); c >= 0x20 && c != 0x22 && c != 0x5c; c = this.peek()) this.at++;
      if (this.at > start) text += String.UTF8.decodeUnsafe(start, this.at - start);
      if (this.take(0x22)) return text;
      if (!this.take(0x5c)) return null;
      const c = this.peek();
      this.at++;
      switch (c) {
        case 0x22:
        case 0x5c:
        case 0x2f: {
          text += String.fromCharCode(c);
          break;
        }
        case 0x62: {
          text += "\b";
          break;
        }
        case 0x66: {
          text += "\f";
          break;
        }
        case 0x6e: {
          text += "\n";
          break;
        }
        case 0x72: {
          text += "\r";
          break;
        }
        case 0x74: {
          text += "\t";
          break;
        }
        case 0x75: {
          const unit = this.unit();
          if (unit < 0) return null;
          text += String.fromCharCode(unit); // a pair comes as two, as it stands in the text
          break;
        }
        default:
          return null;
      }
    }
  }

  private unit(): i32 {
    let unit = 0;
    for (let i = 0; i < 4; i++) {
      const digit = hexadecimal(this.peek());
      if (digit < 0) return -1;
      this.at++;
      unit = unit * 16 + digit;
    }
    return unit;
  }
}

export function hexadecimal(c: u32): i32 {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  if (c >= 0x61 && c <= 0x66) return c - 0x61 + 10;
  if (c >= 0x41 && c <= 0x46) return c - 0x41 + 10;
  return -1;
}

