import { host, define } from "./host.js";

// inspect writes a value as a person would read it, within bounds.
export function inspect(value, depth = 0, seen = new Set()) {
  switch (typeof value) {
    case "string": return depth === 0 ? value : JSON.stringify(value);
    case "bigint": return `${value}n`;
    case "symbol": return value.toString();
    case "function": return `[${/^class\b/.test(Function.prototype.toString.call(value)) ? "class" : "function"} ${value.name || "(anonymous)"}]`;
    case "object": break;
    default: return Object.is(value, -0) ? "-0" : String(value);
  }
  if (value === null) return "null";
  if (seen.has(value)) return "[circular]";
  if (value instanceof Error) return depth === 0 ? told(value) : `[${value.name}: ${value.message}]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp || (globalThis.URL && value instanceof URL)) return String(value);
  if (value instanceof Promise) return "Promise {}";
  if (depth > 4) return Array.isArray(value) ? "[...]" : "{...}";
  seen.add(value);
  const inner = (v) => inspect(v, depth + 1, seen);
  const some = (list, write) => {
    const parts = [];
    for (const item of list) {
      if (parts.length === 100) { parts.push("..."); break; }
      parts.push(write(item));
    }
    return parts.join(", ");
  };
  let text;
  const name = value.constructor?.name;
  if (value instanceof ArrayBuffer) text = `ArrayBuffer(${value.byteLength})`;
  else if (ArrayBuffer.isView(value)) text = `${name}(${value.length ?? value.byteLength}) [${value.length === undefined ? "" : some(value, String)}]`;
  else if (Array.isArray(value)) text = `[${some(value, inner)}]`;
  else if (value instanceof Map) text = `Map(${value.size}) {${some(value, ([k, v]) => `${inner(k)} => ${inner(v)}`)}}`;
  else if (value instanceof Set) text = `Set(${value.size}) {${some(value, inner)}}`;
  else {
    const members = some(Object.keys(value), (key) => `${/^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key)}: ${inner(value[key])}`);
    text = `${name && name !== "Object" ? name + " " : ""}{${members}}`;
  }
  seen.delete(value);
  return text;
}

// stackOf gives the frames of the script's own.
export function stackOf(error) {
  if (typeof error?.stack !== "string") return "";
  return error.stack.split("\n").filter((line) => line && !line.includes("edgehive:") && !line.includes("(native)")).join("\n");
}

// messageOf is an exception in a line, with what caused it.
export function messageOf(error, depth = 0) {
  if (!(error instanceof Error)) return inspect(error, depth);
  const head = error.message ? `${error.name}: ${error.message}` : String(error.name);
  const many = error instanceof AggregateError && Array.isArray(error.errors) && depth < 3
    ? `: ${error.errors.slice(0, 10).map((e) => messageOf(e, depth + 1)).join("; ")}` : "";
  const cause = error.cause === undefined || depth > 3 ? "" : `, because of ${messageOf(error.cause, depth + 1)}`;
  return head + many + cause;
}

function told(error) {
  const stack = stackOf(error);
  return messageOf(error) + (stack ? "\n" + stack : "");
}

export function format(values) {
  if (typeof values[0] === "string" && values[0].includes("%")) {
    let i = 1;
    const first = values[0].replace(/%[sdifjoOc%]/g, (mark) => {
      if (mark === "%%") return "%";
      if (i >= values.length) return mark;
      const value = values[i++];
      switch (mark) {
        case "%d": return String(Number(value));
        case "%i": return String(Math.trunc(Number(value)));
        case "%f": return String(Number(value));
        case "%j": return JSON.stringify(value);
        case "%c": return "";
        default: return inspect(value, mark === "%s" ? 0 : 1);
      }
    });
    return [first, ...values.slice(i).map((v) => inspect(v))].join(" ");
  }
  return values.map((v) => inspect(v)).join(" ");
}

const write = (level) => (...values) => { host.log(level, format(values)); };
const counts = new Map();
const times = new Map();

define({
  console: {
    debug: write(0), log: write(1), info: write(1), dir: (value) => host.log(1, inspect(value)), table: write(1),
    warn: write(2), error: write(3),
    trace: (...values) => host.log(1, `${format(values)}\n${stackOf(new Error())}`),
    assert: (ok, ...values) => { if (!ok) host.log(3, `Assertion failed${values.length ? ": " + format(values) : ""}`); },
    count: (label = "default") => { counts.set(label, (counts.get(label) ?? 0) + 1); host.log(1, `${label}: ${counts.get(label)}`); },
    countReset: (label = "default") => { counts.delete(label); },
    time: (label = "default") => { times.set(label, performance.now()); },
    timeEnd: (label = "default") => {
      if (times.has(label)) host.log(1, `${label}: ${(performance.now() - times.get(label)).toFixed(3)} ms`);
      times.delete(label);
    },
    group: write(1), groupEnd: () => {},
  },
});

export const log = { debug: write(0), info: write(1), warn: write(2), error: write(3) };
