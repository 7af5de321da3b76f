// The client: openapi-fetch over schema.d.ts, which openapi-typescript makes of services/api/openapi.json.
// Requests answer `{ data, error, response }` and throw only where no answer came.

import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { components, operations, paths } from "./schema.js";

type Schemas = components["schemas"];
export type Order = Schemas["OrderAnswer"];
export type OrderStatus = Schemas["OrderStatus"];
export type PlaceOrder = Schemas["PlaceOrder"];
export type Product = Schemas["ProductAnswer"];
export type Money = Schemas["Money"];
export type Problem = Schemas["Problem"];
export type ErrorCode = Schemas["ErrorCode"];

export type SluiceClient = Client<paths>;

export interface Settings {
  /** Where the shop is, without `/api/v1`. */
  baseUrl: string;
  /** A function is asked before each request, so that it can renew what expires. Public catalogues need none. */
  token?: string | (() => string | Promise<string>);
}

export function sluiceClient({ baseUrl, token }: Settings): SluiceClient {
  const client = createClient<paths>({ baseUrl });
  if (token !== undefined) {
    client.use({
      async onRequest({ request }) {
        request.headers.set("Authorization", `Bearer ${typeof token === "string" ? token : await token()}`);
        return request;
      },
    });
  }
  return client;
}

/** Parameters of a request that takes effect once. */
export interface Intent {
  header: { "Idempotency-Key": string };
}

/** One for each thing that a person wants. Repeat the request with the same one until it is answered. */
export function newIntent(): Intent {
  return { header: { "Idempotency-Key": crypto.randomUUID() } };
}

/** Whether the shop refused. What a proxy in front of it answers is none, and neither is an error that was thrown. */
export function isProblem(value: unknown): value is Problem {
  return (
    typeof value === "object" && value !== null &&
    "code" in value && typeof value.code === "string" &&
    "status" in value && typeof value.status === "number" &&
    "detail" in value && typeof value.detail === "string"
  );
}
