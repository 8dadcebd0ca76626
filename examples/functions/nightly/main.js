// The function nightly writes what was paid on the day that has ended: how many orders,
// how many pieces, and which book sold best. It may run twice for a night: the report of a
// day is one row, which the second run writes anew.
import { db, log } from "edgehive";

export default {
  async scheduled(event) {
    const end = new Date(event.due);
    end.setUTCHours(0, 0, 0, 0);
    const start = new Date(end.getTime() - 24 * 3600 * 1000);
    const orders = await db.select(
      "orders",
      `select=quantity,book(id,title)&status=eq.paid&paid=gte.${start.toISOString()}&paid=lt.${end.toISOString()}&limit=1000`,
    );
    const report = summary(start.toISOString().slice(0, 10), orders);
    await db.upsert("reports", report);
    log.info(`${report.id}: ${report.orders} orders, ${report.pieces} pieces`);
  },
};

function summary(day, orders) {
  const sold = new Map();
  let pieces = 0;
  for (const order of orders) {
    pieces += order.quantity;
    sold.set(order.book.title, (sold.get(order.book.title) ?? 0) + order.quantity);
  }
  const [best] = [...sold].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  return { id: day, orders: orders.length, pieces, best: best ? best[0] : null };
}
