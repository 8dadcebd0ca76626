// The types of library.cue, in strict TypeScript: relations through an edge
// table, to one's own table and to one row, vectors, and values of queries.
// It is compiled, not run.
import { createClient } from "@supabase/supabase-js";
import type { Database, Tables, TablesInsert } from "./library.types.js";

const library = createClient<Database>("http://localhost", "key");

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>) => {};

export async function compiled() {
  // Through the edge table, and by way of it.
  const { data: readers } = await library.from("readers").select("name, works(title, kind)").single();
  same<NonNullable<typeof readers>, { name: string; works: { title: string; kind: "novel" | "essay" }[] }>(true);
  const { data: works } = await library.from("works").select("title, reads(stars, readers(name))").single();
  same<NonNullable<typeof works>, { title: string; reads: { stars: number | null; readers: { name: string } }[] }>(true);
  const { data: read } = await library.from("reads").select("stars, works(title), readers!reads_reader_fkey(name)").single();
  same<NonNullable<typeof read>, { stars: number | null; works: { title: string }; readers: { name: string } }>(true);

  // To one row, where the ref is unique.
  const { data: card } = await library.from("readers").select("name, cards(number)").single();
  same<NonNullable<typeof card>, { name: string; cards: { number: number } | null }>(true);

  // To the same table.
  const { data: friend } = await library.from("readers").select("name, friend:friend(name)").single();
  same<NonNullable<typeof friend>, { name: string; friend: { name: string } | null }>(true);

  // Vectors.
  same<Tables<"works">["embedding"], number[] | null>(true);
  same<Tables<"works">["meaning"], number[] | undefined>(true);
  const work: TablesInsert<"works"> = { title: "A", kind: "novel", meaning: [0.5, 0.5] };

  // Queries: a value, nothing, and rows.
  same<NonNullable<Awaited<ReturnType<typeof lent>>["data"]>, number>(true);
  const { data: alike } = await library.rpc("alike", { to: 1, kinds: ["novel"] });
  same<NonNullable<typeof alike>, { work: number | null; near: number | null }[]>(true);
  await library.rpc("forget");

  // @ts-expect-error readers and works are joined through reads alone
  void (await library.from("cards").select("number, works(title)")).data?.[0].works.title;
  // @ts-expect-error a work has no name
  void (await library.from("readers").select("works(name)")).data?.[0].works[0].name;
  // @ts-expect-error the stars are of reads
  const starred: TablesInsert<"works"> = { title: "A", kind: "novel", meaning: [], stars: 3 };
  // @ts-expect-error a vector is of numbers
  const wordy: TablesInsert<"works"> = { title: "A", kind: "novel", meaning: ["0.5"] };
  // @ts-expect-error lent takes no arguments
  await library.rpc("lent", { since: "2020-01-01" });
  void [work, starred, wordy];
}

const lent = () => library.rpc("lent");
