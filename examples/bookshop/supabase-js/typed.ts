// The bookshop in strict TypeScript: database.types.ts is what
// `edge-hive types ts` prints. What stands under @ts-expect-error must not
// compile; the rest runs and ends with exit code 1 at the first surprise.
import { createClient } from "@supabase/supabase-js";
import { Constants, type Database, type Enums, type Tables, type TablesInsert, type TablesUpdate } from "./database.types.js";

declare const process: { env: Record<string, string> };

// Node before 22 has no WebSocket; nothing here opens one.
class NoWebSocket {}
const options = (headers: Record<string, string> = {}) => ({
  auth: { persistSession: false, autoRefreshToken: false },
  global: { headers },
  realtime: { transport: (globalThis.WebSocket ?? NoWebSocket) as typeof WebSocket },
});
const anon = createClient<Database>(process.env.URL, process.env.ANON_KEY, options());
const ann = createClient<Database>(process.env.URL, process.env.ANON_KEY, options({ Authorization: `Bearer ${process.env.ANN}` }));

function check(holds: boolean, what: string) {
  if (!holds) throw new Error(what);
}

// A value of exactly this type, and no other.
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>) => {};

// Reading.
{
  const { data, error } = await anon.from("books").select("id, title, price, tags").gte("year", 2000).order("price").limit(3);
  check(error === null && data.length === 3, "three books");
  const book = data![0];
  same<typeof book, { id: number; title: string; price: number; tags: string[] | null }>(true);
  const whole: Tables<"books"> = (await anon.from("books").select().eq("id", 7).single()).data!;
  check(whole.id === 7 && whole.cost === undefined, "the whole book 7");
  same<Tables<"books">["cost"], number | null | undefined>(true);
  same<Tables<"books">["author"], string | null>(true);

  // @ts-expect-error there is no such table
  await anon.from("bokks").select();
  // @ts-expect-error a number is not a title
  const title: number = book.title;
  // @ts-expect-error null is not a name
  const name: string = whole.author;
  // @ts-expect-error there is no such column
  void (await anon.from("books").select("pages")).data?.[0].pages;
  void [title, name];
}

// Related rows, in both directions, and how many there are.
{
  const { data, error } = await anon.from("books").select("id, title, authors(name)").not("author", "is", null).order("id").limit(3);
  check(error === null && data.length === 3 && data.every((b) => b.authors!.name !== ""), "books with their authors");
  const book = data![0];
  same<typeof book, { id: number; title: string; authors: { name: string } | null }>(true);

  const { data: authors } = await anon.from("authors").select("*, books(count)").limit(2);
  const author = authors![0];
  same<typeof author.books, { count: number }[]>(true);
  check(author.name !== "" && author.books[0].count > 0, "an author with the number of books");

  const { data: wrote } = await anon.from("authors").select("name, books!inner(title, price)").gt("books.price", 5).limit(2);
  same<NonNullable<typeof wrote>[number], { name: string; books: { title: string; price: number }[] }>(true);
  check(wrote!.length === 2 && wrote![0].books.every((b) => b.price > 5), "authors with their dearer books");

  // @ts-expect-error an author has no title
  void (await anon.from("books").select("id, authors(title)")).data?.[0].authors?.title;
  // @ts-expect-error there may be no author
  const name: string = book.authors.name;
  // @ts-expect-error books do not refer to profiles
  void (await anon.from("books").select("id, profiles(nickname)")).data?.[0].profiles.nickname;
  // @ts-expect-error there is no such column to filter by
  await anon.from("books").select("id").eq("pages", 7);
  void name;
}

// Named queries.
{
  const { data, error } = await anon.rpc("bestsellers", { since: "2020-01-01T00:00:00Z", most: 3 });
  check(error === null && Array.isArray(data), JSON.stringify(error));
  same<NonNullable<typeof data>, { book: number | null; title: string | null; sold: number | null }[]>(true);
  const { data: sold } = await anon.rpc("bestsellers", { since: "2020-01-01T00:00:00Z" }).select("title, sold").gt("sold", 0).limit(1);
  same<NonNullable<typeof sold>[number], { title: string | null; sold: number | null }>(true);

  // @ts-expect-error since must be said
  await anon.rpc("bestsellers", { most: 3 });
  // @ts-expect-error a number is no time
  await anon.rpc("bestsellers", { since: 2020 });
  // @ts-expect-error there is no such query
  await anon.rpc("worstsellers", {});
}

// Writing.
{
  const order: TablesInsert<"orders"> = { book: 12, quantity: 2 };
  const { data, error } = await ann.from("orders").insert(order).select().single();
  check(error === null && data.status === "open", JSON.stringify(error));
  const status: Enums<"orders_status"> = data!.status;
  same<typeof status, "open" | "paid" | "shipped">(true);
  check(Constants.public.Enums.orders_status.includes(status), "a status of the enum");
  const change: TablesUpdate<"orders"> = { quantity: 3, status: "paid" };
  const { data: changed } = await ann.from("orders").update(change).eq("id", data!.id).select("quantity, status").single();
  check(changed?.quantity === 3 && changed.status === "paid", "changed");
  const { data: shown } = await ann.from("orders").select("quantity, books(title, authors(name))").eq("id", data!.id).single();
  same<NonNullable<typeof shown>, { quantity: number; books: { title: string; authors: { name: string } | null } }>(true);
  check(shown?.books.title !== "", "an order with its book");

  // @ts-expect-error an order is of a book
  const bookless: TablesInsert<"orders"> = { quantity: 2 };
  // @ts-expect-error the owner is set by the backend
  const stolen: TablesInsert<"orders"> = { book: 12, owner: "00000000-0000-4000-8000-000000000000" };
  // @ts-expect-error no such status
  const lost: TablesUpdate<"orders"> = { status: "lost" };
  // @ts-expect-error a title is never null
  const untitled: TablesUpdate<"books"> = { title: null };
  // @ts-expect-error a misspelt column
  const misspelt: TablesInsert<"orders"> = { book: 12, quantiti: 2 };
  void [bookless, stolen, lost, untitled, misspelt];
}
