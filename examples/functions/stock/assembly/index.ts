// The function stock: an order was paid, and its books leave the shelves. The same change
// may come again, and several orders may be paid at once: the movement of an order is
// written in one batch with the stock that it was reckoned from, so that both are there or
// neither, and neither twice.
import { Answer, Event, Query, Value, config, db, log, publish, run } from "../edgehive";

export function edgehive_handle(): i32 {
  return run(handle);
}

class Book {
  id: string;
  stock: i64;

  constructor(row: Value) {
    this.id = row.str("id");
    this.stock = row.int("stock");
  }
}

function handle(event: Event, answer: Answer): void {
  if (event.kind != "change") {
    answer.text(404, "called for changes alone\n");
    return;
  }
  const order = event.change.row;
  const book = bookOf(order.str("book"));
  const left = max<i64>(book.stock - order.int("quantity"), 0);
  if (!take(order, book, left)) return;
  log.info(left.toString() + " of " + book.id + " are left");
  const few = config("FEW").must().head.str("value");
  if (left <= I64.parseInt(few)) {
    publish("shelves", "few", Value.object().set("book", book.id).set("left", left)).must();
  }
}

function bookOf(id: string): Book {
  const books = db.select("books", new Query().where("id", "eq", id).select("id,stock")).must().as<Book>();
  if (books.length == 0) throw new Error("no book " + id);
  return books[0];
}

/** Writes the movement and the new stock; false where the movement is there already. */
function take(order: Value, book: Book, left: i64): bool {
  const movement = Value.object().set("id", order.str("id")).set("book", book.id).set("quantity", order.int("quantity"));
  const insert = Value.object().set("op", "insert").set("table", "movements").set("rows", movement);
  // Only while the stock is what it was: else somebody was quicker, nothing is written,
  // and the change comes again.
  const unchanged = new Query().where("id", "eq", book.id).where("stock", "eq", book.stock).toString();
  const update = Value.object().set("op", "update").set("table", "books").set("where", unchanged);
  update.set("set", Value.object().set("stock", left)).set("single", true);
  const written = db.batch(Value.array().push(insert).push(update));
  const fault = written.fault;
  if (fault && fault.code == "23505") return false;
  written.must();
  return true;
}
