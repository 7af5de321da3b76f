-- wrk: one order a request, placed by many users.
-- Environment: ORDER (cart: two lines; cash or points: one unit of one hot offer), TOKENS (a file of tokens, one a line; none: no token), ORDER_PATH, PRODUCTS, RUN (a word no other run
-- uses), HOT=1 (every order takes the same two SKUs), SHAPE=former (the body that the former design reads).
-- It ends with one line for scripts/bench.sh: RESULT, orders, seconds, p50, p99, and every status with its count.

local order = os.getenv("ORDER") or "cart"
local own_path = order == "cart" and "/api/v1/orders" or "/api/v1/activities/1/orders"
local path = os.getenv("ORDER_PATH") or own_path
local products = tonumber(os.getenv("PRODUCTS") or "1000")
local run = os.getenv("RUN") or tostring(os.time())
local hot = os.getenv("HOT") == "1"
local former = os.getenv("SHAPE") == "former"
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init()
  math.randomseed(os.time() + number * 7919)
  tokens, asked, statuses = {}, 0, {}
  if os.getenv("TOKENS") then
    for line in io.lines(os.getenv("TOKENS")) do table.insert(tokens, "Bearer " .. line) end
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
  local headers = {["Content-Type"] = "application/json"}
  if #tokens > 0 then headers["Authorization"] = tokens[turn % #tokens + 1] end
  if not former then headers["Idempotency-Key"] = run .. "-" .. number .. "-" .. asked end
  return wrk.format("POST", path, headers, body(two_products()))
end

function response(status)
  statuses[status] = (statuses[status] or 0) + 1
end

function done(summary, latency)
  local total, taken, words = {}, 0, {}
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses")) do total[status] = (total[status] or 0) + count end
  end
  for status, count in pairs(total) do
    if status >= 200 and status < 300 then taken = taken + count end
    table.insert(words, status .. ":" .. count)
  end
  table.sort(words)
  for name, count in pairs(summary.errors) do
    if name ~= "status" and count > 0 then table.insert(words, name .. ":" .. count) end
  end
  io.write(string.format("RESULT\t%d\t%.3f\t%.1f\t%.1f\t%s\n", taken, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, table.concat(words, ",")))
end
