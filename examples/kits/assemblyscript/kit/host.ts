// What the host gives: see functions-abi.md.

@external("edgehive:host", "input_size")
declare function input_size(part: u32): u32;
@external("edgehive:host", "input_read")
declare function input_read(part: u32, offset: u32, to: usize, size: u32): u32;
@external("edgehive:host", "output_head")
declare function output_head(head: usize, size: u32): u32;
@external("edgehive:host", "output_write")
declare function output_write(data: usize, size: u32): u32;
@external("edgehive:host", "output_flush")
declare function output_flush(): u32;
@external("edgehive:host", "call")
declare function host_call(op: usize, opSize: u32, head: usize, headSize: u32, body: usize, bodySize: u32): u32;
@external("edgehive:host", "result_size")
declare function result_size(part: u32): u32;
@external("edgehive:host", "result_read")
declare function result_read(part: u32, offset: u32, to: usize, size: u32): u32;
@external("edgehive:host", "log")
declare function host_log(level: u32, text: usize, size: u32): void;
@external("edgehive:host", "fail")
declare function host_fail(text: usize, size: u32): void;
@external("edgehive:host", "time")
declare function host_time(): i64;
@external("edgehive:host", "random")
declare function host_random(to: usize, size: u32): void;

/** The UTF-8 of a text; half of a surrogate pair becomes the replacement character. */
export function encode(text: string): Uint8Array {
  return Uint8Array.wrap(String.UTF8.encode(text, false, String.UTF8.ErrorMode.REPLACE));
}

/** The text of UTF-8. */
export function decode(bytes: Uint8Array): string {
  return String.UTF8.decodeUnsafe(bytes.dataStart, bytes.length);
}

export function input(part: u32): Uint8Array {
  const data = new Uint8Array(input_size(part));
  input_read(part, 0, data.dataStart, data.length);
  return data;
}

export function result(part: u32): Uint8Array {
  const data = new Uint8Array(result_size(part));
  result_read(part, 0, data.dataStart, data.length);
  return data;
}

export function call(op: string, head: string, body: Uint8Array): bool {
  const name = encode(op);
  const told = encode(head);
  return host_call(name.dataStart, name.length, told.dataStart, told.length, body.dataStart, body.length) == 0;
}

export function outputHead(head: string): bool {
  const told = encode(head);
  return output_head(told.dataStart, told.length) == 0;
}

export function outputWrite(data: Uint8Array): bool {
  return data.length == 0 || output_write(data.dataStart, data.length) == 0;
}

export function outputFlush(): bool {
  return output_flush() == 0;
}

export function log(level: u32, text: string): void {
  const line = encode(text);
  host_log(level, line.dataStart, line.length);
}

export function time(): i64 {
  return host_time();
}

export function random(to: Uint8Array): void {
  host_random(to.dataStart, to.length);
}

/** What a throw becomes: the call fails, and the log has the message. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const told = message ? message : "aborted";
  const place = file ? file : "?";
  const why = encode(told + " (" + place + ":" + line.toString() + ":" + column.toString() + ")");
  host_fail(why.dataStart, why.length);
  unreachable();
}

/** What Math.random begins with. */
export function seed(): f64 {
  const bytes = new Uint8Array(8);
  random(bytes);
  return reinterpret<f64>((load<u64>(bytes.dataStart) & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
}
