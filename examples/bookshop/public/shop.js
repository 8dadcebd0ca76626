// The catalogue: one request for the list, one event stream for what changes.
const list = document.querySelector("#books");
const state = document.querySelector("#state");
const search = document.querySelector("#search");
const shown = "id,title,author,year,price";

function row(book) {
  const tr = document.createElement("tr");
  tr.dataset.id = book.id;
  for (const name of ["title", "author", "year", "price"]) {
    const td = document.createElement("td");
    td.textContent = name === "price" ? book.price.toFixed(2) : (book[name] ?? "");
    if (name === "price") td.className = "number";
    tr.append(td);
  }
  return tr;
}

async function load() {
  const query = new URLSearchParams({ select: shown, order: "title", limit: "25" });
  if (search.value) query.set("title", `ilike.*${search.value}*`);
  const answer = await fetch(`/api/data/books?${query}`, { headers: { Prefer: "count=exact" } });
  const body = await answer.json();
  if (!answer.ok) {
    state.textContent = body.message;
    return;
  }
  list.replaceChildren(...body.map(row));
  state.textContent = `${body.length} of ${answer.headers.get("Content-Range").split("/")[1]} books`;
}

function follow() {
  const events = new EventSource("/api/realtime/catalog");
  const onChange = (event) => {
    const { key, row: book } = JSON.parse(event.data);
    const old = list.querySelector(`[data-id="${CSS.escape(String(key ?? book.id))}"]`);
    if (!old) return;
    if (!book) return old.remove();
    const fresh = row(book);
    fresh.className = "changed";
    old.replaceWith(fresh);
    setTimeout(() => fresh.classList.remove("changed"), 1500);
  };
  for (const type of ["update", "delete"]) events.addEventListener(type, onChange);
}

search.addEventListener("input", load);
await load();
follow();
