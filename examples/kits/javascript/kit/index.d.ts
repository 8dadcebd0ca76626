// What a function in JavaScript has from its host, for editors and for
// TypeScript. The code itself is in the engine: nothing needs to be installed.
// What is known from the web (Request, Response, fetch, URL, crypto) is in
// TypeScript's library WebWorker, of which there is a part here: see the
// functions' documentation.

declare module "edgehive" {
  /** A row, or what is sent as one. */
  export type Row = Record<string, unknown>;
  /** A query of the data API: text, or its members. */
  export type Filter = string | URLSearchParams | Record<string, string | number | boolean | Array<string | number>> | Query;
  export type Bytes = string | ArrayBuffer | ArrayBufferView;
  export type Hash = "sha256" | "sha384" | "sha512" | "sha1" | "md5";
  export type Algorithm = "ES256" | "EdDSA" | "RS256";
  export type Operator =
    | "eq" | "neq" | "gt" | "gte" | "lt" | "lte" | "like" | "ilike" | "match" | "imatch" | "is" | "isdistinct"
    | "in" | "cs" | "cd" | "ov" | "fts" | "plfts" | "phfts" | "wfts";

  /** An operation that was refused or failed. */
  export class Fault extends Error {
    readonly code: string;
    readonly details?: string;
    readonly hint?: string;
  }

  /** A query that is put together. Awaiting it gives the rows. */
  export interface Query<T = any> extends PromiseLike<T[]> {
    select(...columns: string[]): Query<T>;
    where(column: string, operator: Operator, value: unknown): Query<T>;
    not(column: string, operator: Operator, value: unknown): Query<T>;
    eq(column: string, value: unknown): Query<T>;
    neq(column: string, value: unknown): Query<T>;
    gt(column: string, value: unknown): Query<T>;
    gte(column: string, value: unknown): Query<T>;
    lt(column: string, value: unknown): Query<T>;
    lte(column: string, value: unknown): Query<T>;
    like(column: string, pattern: string): Query<T>;
    ilike(column: string, pattern: string): Query<T>;
    match(column: string, pattern: string): Query<T>;
    imatch(column: string, pattern: string): Query<T>;
    is(column: string, value: null | boolean | "not_null" | "unknown"): Query<T>;
    in(column: string, values: Iterable<unknown>): Query<T>;
    contains(column: string, value: unknown): Query<T>;
    containedBy(column: string, value: unknown): Query<T>;
    overlaps(column: string, value: unknown): Query<T>;
    search(column: string, words: string, operator?: "fts" | "plfts" | "phfts" | "wfts"): Query<T>;
    /** Conditions in the data API's words: "year.lt.1950". */
    or(conditions: string | string[]): Query<T>;
    and(conditions: string | string[]): Query<T>;
    order(column: string, options?: { descending?: boolean; nulls?: "first" | "last" }): Query<T>;
    limit(n: number): Query<T>;
    offset(n: number): Query<T>;
    rows(): Promise<T[]>;
    page(): Promise<{ rows: T[]; count: number }>;
    /** Exactly one row; a Fault with the code PGRST116 where there is none, or more. */
    one(): Promise<T>;
    maybeOne(): Promise<T | null>;
    count(): Promise<number>;
    insert(rows: Row | Row[]): Promise<T[]>;
    upsert(rows: Row | Row[], options?: { onConflict?: string | string[]; ignoreDuplicates?: boolean }): Promise<T[]>;
    update(set: Row): Promise<T[]>;
    delete(): Promise<T[]>;
  }

  export const db: {
    from<T = any>(table: string): Query<T>;
    select<T = any>(table: string, query?: Filter): Promise<T[]>;
    page<T = any>(table: string, query?: Filter): Promise<{ rows: T[]; count: number }>;
    insert<T = any>(table: string, rows: Row | Row[], options?: { query?: Filter; prefer?: string }): Promise<T[]>;
    upsert<T = any>(table: string, rows: Row | Row[], options?: { query?: Filter; onConflict?: string | string[]; ignoreDuplicates?: boolean }): Promise<T[]>;
    update<T = any>(table: string, query: Filter, set: Row): Promise<T[]>;
    delete<T = any>(table: string, query: Filter): Promise<T[]>;
    /** Writes as POST /api/batch takes them: all or nothing. */
    batch(writes: Row[]): Promise<{ results: Array<{ affected: number; rows?: any[] }> }>;
    /** A named query. */
    call<T = any>(query: string, values?: Row): Promise<T>;
  };

  /** ttl is in seconds, or as in the manifest: "5m". */
  export const cache: {
    get(key: string): Promise<string | null>;
    getJSON<T = any>(key: string): Promise<T | null>;
    getBytes(key: string): Promise<Uint8Array | null>;
    /** Texts and bytes are kept as they are, all else as JSON. */
    set(key: string, value: unknown, options?: { ttl?: number | string; ifAbsent?: boolean }): Promise<boolean>;
    delete(key: string): Promise<boolean>;
    add(key: string, by?: number, options?: { ttl?: number | string }): Promise<number>;
  };

  /** Publishes an event to a broadcast channel. */
  export function publish(channel: string, event: string, data?: unknown): Promise<string>;

  export const functions: {
    /** Calls another function. Texts and bytes are sent as they are, all else as JSON. */
    call(name: string, input?: unknown): Promise<Response>;
  };

  export const secrets: { get(name: string): string };
  export const config: { get(name: string): string };

  /** Hashes and signatures. Keys that are secrets stay with the host. */
  export const signatures: {
    hash(hash: Hash, data: Bytes): Promise<Uint8Array>;
    hmac(hash: Hash, key: { secret: string } | { key: Bytes }, data: Bytes): Promise<Uint8Array>;
    /** In constant time. */
    equal(a: Bytes, b: Bytes): Promise<boolean>;
    sign(algorithm: Algorithm, secret: string, data: Bytes): Promise<Uint8Array>;
    verify(algorithm: Algorithm, key: string, signature: Bytes, data: Bytes): Promise<boolean>;
  };

  /** Who this call is for. */
  export const caller: {
    readonly role: string;
    readonly uid: string | null;
    readonly email: string | null;
    readonly claims: Record<string, any>;
  };

  export const log: {
    debug(...values: unknown[]): void;
    info(...values: unknown[]): void;
    warn(...values: unknown[]): void;
    error(...values: unknown[]): void;
  };

  const fetchOfHost: typeof globalThis.fetch;
  export { fetchOfHost as fetch };

  /** Settings and secrets by their names, as far as they are granted. */
  export type Env = Readonly<Record<string, string | undefined>>;

  export interface Context {
    readonly id: string;
    readonly function: string;
    readonly depth: number;
    readonly trace: string | null;
    readonly caller: typeof caller;
    /** Of the route. */
    readonly params: Readonly<Record<string, string>>;
    readonly route: string;
    /** The event as it came. */
    readonly event: any;
    /** Goes on after the answer, within the call's time. */
    waitUntil(promise: PromiseLike<unknown>): void;
  }

  export interface Change<T = any> {
    readonly table: string;
    readonly op: "create" | "update" | "delete";
    /** The same change may come again, with the same cursor. */
    readonly cursor: string;
    readonly row: T | null;
    readonly old: T | null;
  }

  export interface Scheduled {
    readonly cron: string;
    readonly due: string;
    /** due, in milliseconds since 1970. */
    readonly scheduledTime: number;
  }

  /** What a handler may give: a Response, a text, bytes, nothing (204), or what is sent as JSON. */
  export type Answer = unknown;

  /** The default export of a function, which may be its fetch alone. */
  export interface Handlers {
    fetch?(request: Request, env: Env, context: Context): Answer | Promise<Answer>;
    change?(change: Change, env: Env, context: Context): unknown;
    scheduled?(event: Scheduled, env: Env, context: Context): unknown;
    /** Another function called; without it, fetch answers. */
    call?(request: Request & { readonly from: string }, env: Env, context: Context): Answer | Promise<Answer>;
  }

  const edgehive: {
    db: typeof db; cache: typeof cache; publish: typeof publish; functions: typeof functions; secrets: typeof secrets;
    config: typeof config; signatures: typeof signatures; caller: typeof caller; log: typeof log; fetch: typeof fetchOfHost; Fault: typeof Fault;
  };
  export default edgehive;
}

/** The same as what is imported from "edgehive". */
declare const edgehive: typeof import("edgehive").default;
