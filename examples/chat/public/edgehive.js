// A live channel for a page: keeps the rows, comes back by itself, asks only for
// what it missed. No dependencies. The protocol: runtime/docs/realtime.md.
//
//   import { channel } from "./edgehive.js";
//   const stop = channel("messages", {
//     token: () => sessionStorage.token,           // optional; asked at each connection
//     change: (rows) => render([...rows.values()]), // after every change; Map of key -> row
//     event: (frame) => console.log(frame.type),    // optional; every frame that changed rows
//     state: (s) => (badge.textContent = s),        // optional; "connecting", "live", "waiting", "expired" or "ended"
//     message: (m) => show(m.event, m.payload, m.from), // optional; of a broadcast, what somebody sent
//     ended: (code, reason) => alert(reason),       // optional; it will not come back by itself
//   });
//   stop.send("typing", { name: "Ann" });           // to a broadcast; false when there is no connection
//   stop();

const NO_TOKEN = 4001;
// Close codes after which coming back as the same caller is no use.
const FINAL = new Set([1002, 1003, 1007, 1009, 4002, 4003, 4004]);
const FIRST_WAIT = 500; // milliseconds; doubled at each failure, with jitter
const LONGEST_WAIT = 30000;
const SILENCE = 40000; // the server pings every 25 s

export function channel(name, options = {}) {
  const { base = location.origin, token, change = () => {}, event = () => {}, message = () => {}, state = () => {}, ended = () => {} } = options;
  const rows = new Map();
  let socket = null;
  let cursor = null;
  let resuming = false; // this connection came with a cursor and has heard nothing yet
  let refused = 0; // connections with a cursor that were refused
  let failures = 0;
  let timer = 0; // to connect again
  let watchdog = 0;
  let connecting = false; // the token is being asked for
  let sent = null; // the token that this connection was told
  let stopped = false;

  async function connect() {
    if (connecting) return;
    connecting = true;
    state("connecting");
    let jwt = null;
    try {
      jwt = token ? await token() : null;
    } catch {
      connecting = false;
      return later();
    }
    connecting = false;
    if (stopped) return;
    const url = new URL(`/api/realtime/${encodeURIComponent(name)}`, base);
    url.protocol = url.protocol.replace("http", "ws");
    if (jwt) url.searchParams.set("auth", "later");
    if (cursor) url.searchParams.set("after", cursor);
    resuming = cursor !== null;
    sent = jwt;
    const own = new WebSocket(url);
    socket = own;
    heard();
    own.onopen = () => jwt && own.send(JSON.stringify({ type: "auth", token: jwt }));
    own.onmessage = (e) => own === socket && receive(JSON.parse(e.data));
    own.onclose = (e) => own === socket && closed(e.code, e.reason);
  }

  function receive(frame) {
    heard();
    switch (frame.type) {
      case "snapshot":
        rows.clear();
        for (const row of frame.rows) rows.set(row.id, row);
        break;
      case "create":
      case "update":
      case "enter":
        rows.set(frame.key, frame.row);
        break;
      case "delete":
      case "leave":
        rows.delete(frame.key);
        break;
      case "joined":
      case "resumed":
      case "ping":
        live(frame);
        return;
      case "message":
        live(frame);
        message(frame);
        return;
      case "truncated": // a snapshot follows, or the history of a broadcast
        cursor = null;
        return;
      case "error":
        if (frame.code === "PGRST303") renew();
        return;
      default:
        return; // what a newer server says
    }
    live(frame);
    event(frame);
    change(rows);
  }

  // live notes that the connection works, and where it has come. A connection
  // never repeats a frame, and a cursor begins where the last frame ended, so
  // remembering it is all there is to not handling anything twice.
  function live(frame) {
    if (frame.cursor) cursor = frame.cursor;
    if (failures > 0 || resuming || frame.type === "snapshot" || frame.type === "joined") state("live");
    resuming = false;
    refused = failures = 0;
  }

  // renew sends a new token in place of one that has expired. The same once more
  // would only be refused once more.
  async function renew() {
    state("expired");
    const own = socket;
    try {
      const jwt = token ? await token() : null;
      if (jwt && jwt !== sent && own === socket && own.readyState === WebSocket.OPEN) {
        sent = jwt;
        own.send(JSON.stringify({ type: "auth", token: jwt }));
        state("live");
      }
    } catch {
      // the server closes with 4001, and we come back with what token() gives then
    }
  }

  // heard puts off the moment at which a silent connection is given up.
  function heard() {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      const own = socket;
      closed(1006, "the server is silent");
      own?.close();
    }, SILENCE);
  }

  function closed(code, reason) {
    clearTimeout(watchdog);
    socket = null;
    if (stopped) return;
    if (FINAL.has(code) || (code === NO_TOKEN && !token)) {
      end();
      state("ended");
      ended(code, reason);
      return;
    }
    // A page cannot see why a handshake failed: a cursor that is refused twice
    // is let go, and a snapshot asked for.
    if (resuming && ++refused >= 2) cursor = null;
    later();
  }

  function later() {
    if (stopped) return;
    state("waiting");
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures++);
    timer = setTimeout(connect, wait * (0.5 + Math.random() / 2));
  }

  // A page that comes back to life does not wait out its pause.
  function wake() {
    if (stopped || socket || document.visibilityState === "hidden") return;
    clearTimeout(timer);
    connect();
  }
  addEventListener("online", wake);
  document.addEventListener("visibilitychange", wake);

  function end() {
    stopped = true;
    clearTimeout(timer);
    clearTimeout(watchdog);
    removeEventListener("online", wake);
    document.removeEventListener("visibilitychange", wake);
  }

  function stop() {
    end();
    const own = socket;
    socket = null;
    own?.close(1000);
  }

  // send gives a message to everybody who listens to a broadcast, but not to this
  // page, unless self is true. What is sent while there is no connection is lost,
  // as a broadcast is for what matters now alone.
  stop.send = (name, payload = null, { self = false } = {}) => {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify({ type: "send", event: name, payload, self }));
    return true;
  };

  connect();
  return stop;
}
