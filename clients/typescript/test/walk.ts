// A buyer's walk through a running shop with its demo data: BASE_URL=… TOKEN=… node dist/test/walk.js
// Exits with 1 at the first step that does not do what it should.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { isProblem, newIntent, sluiceClient, type Order, type PlaceOrder, type Problem, type components } from "@sluice/client";
import { advice, isSettled } from "./exhaustive.js";

function setting(name: string): string {
  const value = process.env[name];
  assert(value, `${name} is not set`);
  return value;
}

const shop = sluiceClient({ baseUrl: setting("BASE_URL"), token: () => setting("TOKEN") });

function answered<T>(result: { data?: T; error?: unknown; response: Response }): T {
  if (result.data === undefined) {
    assert.fail(`${result.response.url} answers ${result.response.status}: ${JSON.stringify(result.error)}`);
  }
  return result.data;
}

function refused(result: { error?: unknown; response: Response }): Problem {
  assert(isProblem(result.error), `${result.response.url} answers ${result.response.status}, which is no refusal`);
  assert.equal(result.error.status, result.response.status);
  return result.error;
}

async function place(body: PlaceOrder): Promise<Order> {
  return answered(await shop.POST("/api/v1/orders", { params: newIntent(), body }));
}

async function read(order_no: string): Promise<Order> {
  return answered(await shop.GET("/api/v1/orders/{order_no}", { params: { path: { order_no } } }));
}

/** Reads the order until its payment is decided, for half a minute at most. */
async function settled(order_no: string): Promise<Order> {
  for (let tries = 0; tries < 150; tries += 1) {
    const order = await read(order_no);
    if (isSettled(order.status)) return order;
    await pause(200);
  }
  assert.fail(`the payment of ${order_no} was not settled in time`);
}

console.log("products");
const products = answered(await shop.GET("/api/v1/products", { params: { query: { limit: 100 } } })).data;
const sku = products.flatMap((product) => (product.order_form_items.length === 0 ? product.skus : [])).find((sku) => sku.usable >= 2);
const soldOut = products.flatMap((product) => product.skus).find((sku) => !sku.in_stock);
assert(sku && soldOut, "the demo data has a SKU in stock that requires nothing, and one that is sold out");

console.log("preview");
const wish = { items: [{ sku_id: sku.sku_id, quantity: 2 }] };
const preview = answered(await shop.POST("/api/v1/orders/preview", { body: wish }));
assert.deepEqual(preview.problems, []);
assert.equal(preview.total.amount, 2 * sku.price.amount);

console.log("order, twice with one key");
const intent = newIntent();
const body = { ...wish, expected_total: preview.total.amount };
const first = await shop.POST("/api/v1/orders", { params: intent, body });
const again = await shop.POST("/api/v1/orders", { params: intent, body });
const order = answered(first);
assert.equal(order.status, "unpaid");
assert.equal(answered(again).order_no, order.order_no);
assert.equal(first.response.headers.get("Idempotent-Replayed"), null);
assert.equal(again.response.headers.get("Idempotent-Replayed"), "true");

console.log("payment");
assert(order.payment, "the payment is prepared");
const choice: components["schemas"]["Choice"] = { outcome: "paid" };
const paid = await fetch(order.payment.url, {
  method: "POST",
  headers: { "Content-Type": "application/json", Accept: "application/json" },
  body: JSON.stringify(choice),
});
assert.equal(paid.status, 200);
assert.equal((await settled(order.order_no)).status, "paid");

console.log("cancellation");
const unwanted = (await place(wish)).order_no;
const cancelled = answered(await shop.POST("/api/v1/orders/{order_no}/cancel", { params: { path: { order_no: unwanted } } }));
assert.equal(cancelled.status, "cancelled");
assert.equal(cancelled.cancel_reason, "user");

console.log("refusals");
const tooLate = refused(await shop.POST("/api/v1/orders/{order_no}/cancel", { params: { path: { order_no: order.order_no } } }));
assert.equal(tooLate.code, "order_not_cancellable");
assert.equal(advice(tooLate.code), "read again");
const sold = refused(await shop.POST("/api/v1/orders", { params: newIntent(), body: { items: [{ sku_id: soldOut.sku_id, quantity: 1 }] } }));
assert.equal(sold.code, "insufficient_stock");
assert.equal(sold.errors?.[0]?.sku_id, soldOut.sku_id);
assert.equal(advice(sold.code), "choose anew");
const dearer = refused(await shop.POST("/api/v1/orders", { params: newIntent(), body: { ...wish, expected_total: 1 } }));
assert.equal(dearer.code, "total_changed");
assert.deepEqual(dearer.total, preview.total);
const stranger = sluiceClient({ baseUrl: setting("BASE_URL"), token: "forged" });
assert.equal(advice(refused(await stranger.GET("/api/v1/orders")).code), "sign in");

console.log(`the walk is done: ${order.order_no} is paid, ${unwanted} is cancelled`);
