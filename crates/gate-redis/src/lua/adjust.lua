-- Changes usable and received, once per adjustment. KEYS: stock, adjustment. ARGV: life of the mark in ms, SKU, delta.
-- A refusal is remembered, too: two processes that ask are told the same.
local known = redis.call('GET', KEYS[2])
if known == '1' then return {'done'} end
local sku, delta = ARGV[2], ARGV[3]
local usable = redis.call('HGET', KEYS[1], sku .. ':u') or '0'
if known or tonumber(usable) + tonumber(delta) < 0 then
  redis.call('SET', KEYS[2], 'short', 'PX', ARGV[1])
  return {'short', usable}
end
if redis.call('HINCRBY', KEYS[1], sku .. ':r', 0) == 0 and redis.call('HSETNX', KEYS[1], sku .. ':u', '0') == 1 then
  redis.call('HSET', KEYS[1], sku .. ':c', '1')
end
redis.call('HINCRBY', KEYS[1], sku .. ':u', delta)
redis.call('HINCRBY', KEYS[1], sku .. ':r', delta)
redis.call('HSETNX', KEYS[1], sku .. ':l', '0')
redis.call('HSETNX', KEYS[1], sku .. ':s', '0')
redis.call('SET', KEYS[2], '1', 'PX', ARGV[1])
return {'done'}
