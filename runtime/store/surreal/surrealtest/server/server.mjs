// A SurrealDB server for tests: the real engine in this process, behind the
// WebSocket RPC that a `surreal start` has (path /rpc, subprotocol cbor).
//
//   node server.mjs --storage mem://|rocksdb://DIR [--listen 127.0.0.1:0] [--user root --pass root]
//
// It prints "listening HOST:PORT" once it serves. SIGTERM and SIGINT flush and
// end it; a kill -9 is what it is.
import { createRequire } from "node:module";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { WebSocketServer } from "ws";

const { values: flags } = parseArgs({
  options: {
    storage: { type: "string", default: "mem://" },
    listen: { type: "string", default: "127.0.0.1:0" },
    user: { type: "string", default: "root" },
    pass: { type: "string", default: "root" },
  },
});

const require = createRequire(import.meta.url);

// The package's module wants the JavaScript client; the engine itself is its
// native part, one file for each platform, and only one of them loads.
function loadEngine() {
  const dist = dirname(fileURLToPath(import.meta.resolve("@surrealdb/node")));
  const prefix = `surrealdb-node.${process.platform}-${process.arch}`;
  const failures = [];
  for (const name of readdirSync(dist)) {
    if (!name.startsWith(prefix) || !name.endsWith(".node")) continue;
    try {
      return require(join(dist, name)).SurrealNodeEngine;
    } catch (failure) {
      failures.push(`${name}: ${failure.message}`);
    }
  }
  throw new Error(`no SurrealDB engine for ${prefix}: ${failures.join("; ") || "the package has none"}`);
}

// The little CBOR that this program writes itself.
function head(major, count) {
  if (count < 24) return Buffer.from([(major << 5) | count]);
  if (count < 256) return Buffer.from([(major << 5) | 24, count]);
  const bytes = Buffer.from([(major << 5) | 26, 0, 0, 0, 0]);
  bytes.writeUInt32BE(count, 1);
  return bytes;
}

function text(string) {
  const bytes = Buffer.from(string, "utf8");
  return Buffer.concat([head(3, bytes.length), bytes]);
}

const list = (...items) => Buffer.concat([head(4, items.length), ...items]);

// uuid is a UUID from its text, or its 16 bytes as hexadecimal digits.
const uuid = (digits) => Buffer.concat([Buffer.from([0xd8, 37, 0x50]), Buffer.from(digits.replaceAll("-", ""), "hex")]);

// readText reads a text value.
function readText(bytes) {
  if (bytes[0] >> 5 !== 3) throw new Error("no text");
  const short = bytes[0] & 31;
  const at = short < 24 ? 1 : 1 + (1 << (short - 24));
  return bytes.toString("utf8", at);
}

// itemEnd finds the end of the value at a place, so that values need not be
// decoded into JavaScript and encoded again, which would change them.
function itemEnd(bytes, at) {
  if (at >= bytes.length) throw new Error("a value is cut short");
  const first = bytes[at++];
  const major = first >> 5;
  const short = first & 31;
  let count = short;
  if (short === 24) count = bytes[at++];
  else if (short === 25) (count = bytes.readUInt16BE(at)), (at += 2);
  else if (short === 26) (count = bytes.readUInt32BE(at)), (at += 4);
  else if (short === 27) (count = Number(bytes.readBigUInt64BE(at))), (at += 8);
  if (short === 31) {
    if (major === 7) return at;
    while (bytes[at] !== 0xff) at = itemEnd(bytes, at);
    return at + 1;
  }
  switch (major) {
    case 0:
    case 1:
    case 7:
      return at;
    case 2:
    case 3:
      return at + count;
    case 4:
      for (let i = 0; i < count; i++) at = itemEnd(bytes, at);
      return at;
    case 5:
      for (let i = 0; i < 2 * count; i++) at = itemEnd(bytes, at);
      return at;
    default:
      return itemEnd(bytes, at);
  }
}

// members reads the top level of a map: each member's bytes by its name.
function members(bytes) {
  const found = new Map();
  const first = bytes[0];
  if (first >> 5 !== 5) throw new Error("a request is a map");
  let at = 1;
  let count = first & 31;
  if (count === 24) count = bytes[at++];
  else if (count === 31) count = Infinity;
  for (let i = 0; i < count && bytes[at] !== 0xff; i++) {
    const name = itemEnd(bytes, at);
    const value = itemEnd(bytes, name);
    found.set(readText(bytes.subarray(at, name)), bytes.subarray(name, value));
    at = value;
  }
  return found;
}

function mapOf(parts) {
  const chunks = [head(5, parts.length)];
  for (const [name, bytes] of parts) chunks.push(text(name), bytes);
  return Buffer.concat(chunks);
}

const engine = await loadEngine().connect(flags.storage, { capabilities: true });

// send gives the engine one request, its parts as bytes.
async function send(method, parts, session) {
  const all = [["method", text(method)], ...parts];
  if (session) all.push(["session", session]);
  return Buffer.from(await engine.execute(mapOf(all)));
}

const define = `DEFINE USER IF NOT EXISTS \`${flags.user}\` ON ROOT PASSWORD ${JSON.stringify(flags.pass)} ROLES OWNER`;
const setup = await send("query", [["params", list(text(define))]]);
if (isError(setup)) throw new Error("the root user was not made");

// isError tells an error answer, a map whose one key is "error".
function isError(bytes) {
  return bytes[0] === 0xa1 && bytes[1] === 0x65 && bytes.toString("latin1", 2, 7) === "error";
}

// The live queries, and the connection that each is of.
const liveQueries = new Map();

const http = createServer((request, response) => {
  const known = request.url === "/health" || request.url === "/version";
  response.writeHead(known ? 200 : 404, { "content-type": "text/plain" });
  response.end(request.url === "/version" ? "surrealdb-3.0.2" : "");
});
const sockets = new WebSocketServer({
  server: http,
  path: "/rpc",
  maxPayload: 128 << 20,
  perMessageDeflate: false,
  handleProtocols: (offered) => (offered.has("cbor") ? "cbor" : false),
});

sockets.on("connection", async (socket) => {
  const session = uuid(randomUUID());
  // What ends with the connection: its live queries and its open transactions.
  const own = new Set();
  const transactions = new Set();
  const attached = send("attach", [], session);
  socket.on("message", async (message) => {
    let id;
    let answer;
    try {
      await attached;
      const asked = members(message);
      id = asked.get("id");
      if (!asked.has("method")) throw new Error("a request has a method");
      const parts = ["params", "txn", "version"].filter((name) => asked.has(name)).map((name) => [name, asked.get(name)]);
      const method = readText(asked.get("method"));
      const result = await send(method, parts, asked.get("session") ?? session);
      if (!isError(result)) {
        noteLive(method, asked, result, socket, own);
        if (method === "begin") transactions.add(result.toString("hex"));
        if (method === "commit" || method === "cancel") transactions.delete(asked.get("params").subarray(1).toString("hex"));
      }
      answer = isError(result) ? [["error", result.subarray(7)]] : [["result", result]];
    } catch (failure) {
      answer = [["error", mapOf([["message", text(String(failure?.message ?? failure))]])]];
    }
    if (id !== undefined) answer.unshift(["id", id]);
    if (socket.readyState === socket.OPEN) socket.send(mapOf(answer), { binary: true });
    else if (transactions.size > 0) end();
  });
  const end = () => {
    for (const id of transactions) {
      transactions.delete(id);
      send("cancel", [["params", list(Buffer.from(id, "hex"))]], session).catch(() => {});
    }
    for (const id of own) {
      own.delete(id);
      liveQueries.delete(id);
      send("kill", [["params", list(uuid(id))]], session).catch(() => {});
    }
  };
  socket.on("close", async () => {
    end();
    await attached.catch(() => {});
    send("detach", [], session).catch(() => {});
  });
  socket.on("error", () => {});
});

// noteLive remembers the connection of a live query that was just begun: its
// id is the result of "live", or of a LIVE statement among a query's.
function noteLive(method, asked, result, socket, own) {
  const params = asked.get("params");
  const begins = method === "live" || (method === "query" && params.length < 1 << 16 && /live\s+select\b/i.test(params.toString("utf8")));
  if (!begins) return;
  // An UUID is tag 37 over 16 bytes.
  for (let at = result.indexOf(Buffer.from([0xd8, 0x25, 0x50])); at >= 0; at = result.indexOf(Buffer.from([0xd8, 0x25, 0x50]), at + 1)) {
    const id = result.subarray(at + 3, at + 19).toString("hex");
    liveQueries.set(id, socket);
    own.add(id);
  }
}

const notifications = await engine.notifications();
(async () => {
  for (;;) {
    const told = await notifications.recv();
    if (told === null || told === undefined) return;
    const bytes = Buffer.from(told);
    const id = members(bytes).get("id");
    const socket = id && liveQueries.get(id.subarray(id.length - 16).toString("hex"));
    if (socket && socket.readyState === socket.OPEN) socket.send(mapOf([["result", bytes]]), { binary: true });
  }
})();

const cut = flags.listen.lastIndexOf(":");
http.on("error", (failure) => {
  console.error(failure.message);
  process.exit(1);
});
http.listen(Number(flags.listen.slice(cut + 1)), flags.listen.slice(0, cut), () => {
  const { address, port } = http.address();
  console.log(`listening ${address}:${port}`);
});

function stop() {
  http.close();
  for (const socket of sockets.clients) socket.terminate();
  engine.free();
  setTimeout(() => process.exit(0), 50);
}
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
