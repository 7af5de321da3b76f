// A partner's receiver of Sluice's pushes, for Node 20, without packages.
//
//   SECRET=whsec_… PORT=8090 node docs/examples/partner.mjs
//
// It verifies signature and time, answers at once, and takes every event once by its webhook-id. It keeps the ids in
// memory; a real one keeps them in its database, in the transaction of what it does with the event.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = process.env.SECRET ?? "";
const port = Number(process.env.PORT ?? 8090);
const toleranceSeconds = 5 * 60;
const mostBytes = 1024 * 1024;

if (!secret.startsWith("whsec_")) {
  console.error("Set SECRET to the secret that Sluice answered when the subscription was made.");
  process.exit(1);
}
const key = Buffer.from(secret.slice("whsec_".length), "base64");

/** Whether these bytes were sent by who knows the secret, now. The raw bytes count: parse them afterwards. */
function isGenuine(headers, body) {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  const signatures = headers["webhook-signature"];
  if (!id || !/^\d+$/.test(timestamp ?? "") || !signatures) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > toleranceSeconds) return false;
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  // Several signatures while the secret is being rotated: one that fits is enough.
  return signatures.split(" ").some((signature) => {
    if (!signature.startsWith("v1,")) return false;
    const given = Buffer.from(signature.slice(3), "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

async function bytesOf(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > mostBytes) throw new Error("the body is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const seen = new Set();

const server = createServer(async (request, response) => {
  const answer = (status) => response.writeHead(status).end();
  try {
    if (request.method !== "POST") return answer(405);
    const body = await bytesOf(request);
    // 401 is told to this message alone; Sluice tries it again later, less and less often.
    if (!isGenuine(request.headers, body)) return answer(401);
    const id = request.headers["webhook-id"];
    // The same event may come again: after a lost answer, or a replay by staff. Say yes, do nothing.
    if (seen.has(id)) {
      console.log(`repeated ${id}`);
      return answer(204);
    }
    const event = JSON.parse(body.toString("utf8"));
    seen.add(id);
    console.log(`new ${id} ${event.type} ${event.data.order_no}`);
    return answer(204);
  } catch (error) {
    console.error(`failed: ${error.message}`);
    return answer(400);
  }
});

server.listen(port, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
