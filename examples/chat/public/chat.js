// The chat page: messages come over the live channel, writes go over REST.
import { channel } from "/edgehive.js";

const $ = (selector) => document.querySelector(selector);
const messages = $("#messages");
let token = "";
let me = null;

function headers(extra) {
  return token ? { Authorization: `Bearer ${token}`, ...extra } : { ...extra };
}

async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: headers(body ? { "Content-Type": "application/json" } : {}),
    body: body ? JSON.stringify(body) : undefined,
  });
  const text = await answer.text();
  const value = text ? JSON.parse(text) : null;
  if (!answer.ok) throw new Error(value?.message ?? answer.statusText);
  return value;
}

// What the channel last showed, by key.
let shown = new Map();

function item(message) {
  const li = document.createElement("li");
  li.dataset.id = message.id;
  const name = document.createElement("b");
  name.textContent = message.name;
  const text = document.createElement("span");
  text.textContent = message.text;
  li.append(name, text);
  if (me && message.author === me.id) {
    const remove = document.createElement("button");
    remove.textContent = "Delete";
    remove.addEventListener("click", () => attempt(() => call("DELETE", `/api/data/messages?id=eq.${message.id}`)));
    li.append(remove);
  }
  return li;
}

// Keys are made in the order of time, and so sort the messages.
function render(rows = shown) {
  shown = rows;
  const sorted = [...rows.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  messages.replaceChildren(...sorted.map(item));
}

async function attempt(action) {
  $("#problem").textContent = "";
  try {
    await action();
  } catch (error) {
    $("#problem").textContent = error.message;
  }
}

channel("lobby", { change: render, state: (state) => ($("#state").textContent = state) });

// Who types is told by a broadcast: it is stored nowhere, and forgotten here
// after a while.
const TYPES_FOR = 4000; // milliseconds
const TELL_EVERY = 2000;
const typing = new Map(); // name -> timer
let told = 0;
let typists = listenToTypists();

function listenToTypists() {
  const options = {
    message: ({ event, payload }) => event === "typing" && types(String(payload?.name ?? "").slice(0, 40)),
  };
  return channel("typing", token ? { ...options, token: () => token } : options);
}

function types(name) {
  if (!name) return;
  clearTimeout(typing.get(name));
  typing.set(name, setTimeout(() => typing.delete(name) && renderTypists(), TYPES_FOR));
  renderTypists();
}

function renderTypists() {
  const names = [...typing.keys()];
  $("#typing").textContent = names.length ? `${names.join(", ")} ${names.length > 1 ? "are" : "is"} typing…` : "";
}

$("#text").addEventListener("input", () => {
  const now = Date.now();
  if (now - told > TELL_EVERY && typists.send("typing", { name: me.email.split("@")[0] })) told = now;
});

$("#sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    token = $("#token").value.trim();
    try {
      [me] = await call("GET", "/api/data/users?select=id,email");
      if (!me) throw new Error("this token belongs to nobody here");
    } catch (error) {
      token = "";
      me = null;
      throw error;
    }
    typists();
    typists = listenToTypists();
    $("#sign-in").hidden = true;
    $("#say").hidden = false;
    render();
    $("#text").focus();
  });
});

$("#say").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    const name = me.email.split("@")[0];
    await call("POST", "/api/data/messages", { room: "lobby", name, text: $("#text").value });
    $("#text").value = "";
  });
});
