-- wrk: one order a request, placed by many users.
-- Environment: ORDER (cart: two lines; cash or points: one unit of one hot offer), TOKENS (a file of tokens, one a line; none: no token), ORDER_PATH, PRODUCTS, RUN (a word no other run
-- uses), HOT=1 (every order takes the same two SKUs), SHAPE=former (the body that the former design reads).
-- It ends with one line for scripts/bench.sh: RESULT, orders, seconds, p50, p99, and how many were taken and refused.
--
-- It shares the cores with what it measures, so it does little: heads are made once, and wrk itself counts the refusals, since
-- a function that sees every answer would cost as much as sending.

local order = os.getenv("ORDER") or "cart"
local own_path = order == "cart" and "/api/v1/orders" or "/api/v1/activities/1/orders"
local path = os.getenv("ORDER_PATH") or own_path
local products = tonumber(os.getenv("PRODUCTS") or "1000")
local run = os.getenv("RUN") or tostring(os.time())
local hot = os.getenv("HOT") == "1"
local former = os.getenv("SHAPE") == "former"
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init()
  math.randomseed(os.time() + number * 7919)
  heads, asked = {}, 0
  local head = string.format("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n", path, wrk.headers["Host"])
  if os.getenv("TOKENS") then
    for line in io.lines(os.getenv("TOKENS")) do table.insert(heads, head .. "Authorization: Bearer " .. line .. "\r\n") end
  else
    heads[1] = head
  end
  -- Threads begin at different users, so that no user is asked twice as often.
  turn = number * 97
end

local function two_products()
  if hot then return 1, 2 end
  local one, other = math.random(1, products), math.random(1, products - 1)
  if other >= one then other = other + 1 end
  return one, other
end

local function body(one, other)
  if former and order ~= "cart" then
    return string.format('{"store_id":1,"uid":%d,"name":"Li Lei","products":[{"product_id":"1","sku_id":"1","qty":"1"}]}',
      math.random(1, 1000000))
  end
  if order ~= "cart" then
    return string.format('{"product_id":"%s","quantity":1,"pay_type":"%s","recipient":{"name":"Li Lei","phone":"13800000000"}}',
      order == "cash" and "1001" or "1002", order)
  end
  if former then
    return string.format('{"store_id":1,"uid":%d,"name":"Li Lei","phone":"13800000000","province":"Zhejiang","city":"Hangzhou","area":"Xihu","address":"Road 1","products":[{"product_id":"%d","sku_id":"%d","qty":"1"},{"product_id":"%d","sku_id":"%d","qty":"1"}]}',
      math.random(1, 1000000), one, one, other, other)
  end
  return string.format('{"items":[{"sku_id":"%d","quantity":1},{"sku_id":"%d","quantity":1}],"recipient":{"name":"Li Lei","phone":"13800000000","province":"Zhejiang","city":"Hangzhou","district":"Xihu","address":"Road 1"}}',
    one, other)
end

function request()
  asked, turn = asked + 1, turn + 1
  local head, text = heads[turn % #heads + 1], body(two_products())
  if former then return string.format("%sContent-Length: %d\r\n\r\n%s", head, #text, text) end
  return string.format("%sIdempotency-Key: %s-%d-%d\r\nContent-Length: %d\r\n\r\n%s", head, run, number, asked, #text, text)
end

function done(summary, latency)
  -- `status` are the answers from 400 on; the others never became an answer.
  local taken, words = summary.requests - summary.errors.status, {}
  table.insert(words, "taken:" .. taken)
  for name, count in pairs(summary.errors) do
    if count > 0 then table.insert(words, (name == "status" and "refused" or name) .. ":" .. count) end
  end
  io.write(string.format("RESULT\t%d\t%.3f\t%.1f\t%.1f\t%s\n", taken, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, table.concat(words, ",")))
end
