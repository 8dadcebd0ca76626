// The bookshop through an unmodified supabase-js: only the URL and the keys
// are ours. Ends with exit code 1 at the first surprise.
import assert from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";

const { URL: url, ANON_KEY, SERVICE_KEY, ANN } = process.env;

// Node before 22 has no WebSocket; nothing here opens one.
class NoWebSocket {}
const options = (headers = {}) => ({
  auth: { persistSession: false, autoRefreshToken: false },
  global: { headers },
  realtime: { transport: globalThis.WebSocket ?? NoWebSocket },
});
const anon = createClient(url, ANON_KEY, options());
const ann = createClient(url, ANON_KEY, options({ Authorization: `Bearer ${ANN}` }));
const service = createClient(url, SERVICE_KEY, options());

async function ok(promise) {
  const answer = await promise;
  assert.equal(answer.error, null, JSON.stringify(answer.error));
  return answer;
}

// Reading: columns, filters, order, range, count, single.
{
  const { data, count } = await ok(anon.from("books").select("id, title, price", { count: "exact" }).gte("year", 2000).order("price", { ascending: false }).range(0, 4));
  assert.equal(data.length, 5);
  assert.ok(count > 100);
  assert.deepEqual(Object.keys(data[0]), ["id", "title", "price"]);
  assert.ok(data[0].price >= data[4].price);

  const { data: some } = await ok(anon.from("books").select("id").in("id", [3, 1, 2]).order("id"));
  assert.deepEqual(some, [{ id: 1 }, { id: 2 }, { id: 3 }]);

  const { data: either } = await ok(anon.from("books").select("id").or("id.eq.5,and(id.gt.1198,year.not.is.null)").order("id"));
  assert.deepEqual(either.map((b) => b.id), [5, 1199, 1200]);

  const { data: found } = await ok(anon.from("books").select("title").like("title", "%Lantern%").not("title", "like", "The %").limit(3));
  assert.ok(found.every((b) => b.title.includes("Lantern") && !b.title.startsWith("The ")));

  const { data: searched } = await ok(anon.from("books").select("title").textSearch("title", "the rivers -sea", { config: "english", type: "websearch" }));
  assert.ok(searched.length > 0 && searched.every((b) => /\bRivers?\b/.test(b.title) && !b.title.includes("Sea")));
  const { data: all } = await ok(anon.from("books").select("id").textSearch("title", "'river' & !'sea'", { config: "english" }));
  assert.equal(all.length, searched.length);
  const nowhere = await anon.from("books").select("id").textSearch("title", "river", { config: "englisch" });
  assert.equal(nowhere.error.code, "42704");

  const { data: one } = await ok(anon.from("books").select("id, meta->>binding").eq("id", 9).single());
  assert.equal(one.id, 9);
  assert.ok(["paperback", "hardcover"].includes(one.binding));

  const { data: none } = await ok(anon.from("books").select("id").eq("id", 999999).maybeSingle());
  assert.equal(none, null);

  const missing = await anon.from("books").select("id").eq("id", 999999).single();
  assert.equal(missing.status, 406);
  assert.equal(missing.error.code, "PGRST116");

  const { count: heads } = await ok(anon.from("books").select("*", { head: true, count: "exact" }));
  assert.equal(heads, 1200);

  const unknown = await anon.from("bokks").select();
  assert.equal(unknown.status, 404);
  assert.equal(unknown.error.code, "PGRST205");
  assert.match(unknown.error.hint, /public\.books/);

  const hidden = await anon.from("books").select("cost");
  assert.equal(hidden.error.code, "42703");
}

// Writing, as the service.
{
  const { data: made } = await ok(service.from("books").insert({ title: "A Made Book", price: 12.5, year: 2024, tags: ["novel"], cost: 3 }).select().single());
  assert.equal(made.price, 12.5);
  assert.deepEqual(made.tags, ["novel"]);
  const { data: many } = await ok(service.from("books").insert([{ title: "Two", price: 1 }, { title: "Three", price: 2, stock: 4 }], { defaultToNull: false }).select("id, stock"));
  assert.deepEqual(many.map((b) => b.stock), [0, 4]);
  const { data: changed } = await ok(service.from("books").update({ stock: 7 }).eq("id", made.id).select("stock"));
  assert.deepEqual(changed, [{ stock: 7 }]);
  const { status } = await ok(service.from("books").delete().in("id", [made.id, ...many.map((b) => b.id)]));
  assert.equal(status, 204);
  const unfiltered = await service.from("books").delete();
  assert.equal(unfiltered.error.code, "21000");
}

// Rules, as Ann and as nobody.
{
  const { data: order } = await ok(ann.from("orders").insert({ book: 11 }).select().single());
  assert.equal(order.status, "open");
  const denied = await ann.from("orders").insert({ book: 12, status: "shipped" });
  assert.equal(denied.status, 403);
  assert.equal(denied.error.code, "42501");
  const { data: mine } = await ok(ann.from("orders").select("book"));
  assert.deepEqual(mine, [{ book: 11 }]);
  const { data: others } = await ok(anon.from("orders").select());
  assert.deepEqual(others, []);
  const nobody = await anon.from("orders").insert({ book: 12 });
  assert.equal(nobody.status, 401);
  const twice = await ann.from("orders").insert({ book: 11 });
  assert.equal(twice.status, 409);
  assert.equal(twice.error.code, "23505");
  const dangling = await ann.from("orders").insert({ book: 424242 });
  assert.equal(dangling.error.code, "23503");
  const wrong = await anon.from("books").select("id").eq("id", "abc");
  assert.equal(wrong.error.code, "22P02");
}

// Named queries: by POST, by GET, shaped, counted, and those that are not there.
{
  const since = "2020-01-01T00:00:00Z";
  const { data: sold } = await ok(anon.rpc("bestsellers", { since }));
  assert.deepEqual(sold.map((row) => [row.book, row.sold]), [[11, 1]]);
  const { data: one } = await ok(anon.rpc("bestsellers", { since }).select("title, sold").eq("book", 11).single());
  assert.deepEqual(Object.keys(one), ["title", "sold"]);
  const { data: got, count } = await ok(anon.rpc("bestsellers", { since, most: 5 }, { get: true, count: "exact" }).order("title").range(0, 9));
  assert.equal(got.length, 1);
  assert.equal(count, 1);
  const head = await ok(anon.rpc("bestsellers", { since }, { head: true, count: "exact" }));
  assert.equal(head.data, null);
  assert.equal(head.count, 1);
  const missing = await anon.rpc("bestseller", { since });
  assert.equal(missing.status, 404);
  assert.equal(missing.error.code, "PGRST202");
  assert.match(missing.error.hint, /public\.bestsellers/);
  const argument = await anon.rpc("bestsellers", { sinze: since });
  assert.equal(argument.error.code, "PGRST202");
  const wrong = await anon.rpc("bestsellers", { since, most: "many" });
  assert.equal(wrong.error.code, "22P02");
}

// A stranger's key is refused at the door.
{
  const stranger = createClient(url, "sb_publishable_0000000000000000000000", options());
  const refused = await stranger.from("books").select("id").limit(1);
  assert.equal(refused.status, 401);
}
