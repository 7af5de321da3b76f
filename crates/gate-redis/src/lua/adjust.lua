-- Changes usable and received, once per adjustment. KEYS: stock, adjustment. ARGV: life of the mark in ms, SKU, delta.
if redis.call('EXISTS', KEYS[2]) == 1 then return {'done'} end
local sku, delta = ARGV[2], ARGV[3]
local usable = redis.call('HGET', KEYS[1], sku .. ':u') or '0'
if tonumber(usable) + tonumber(delta) < 0 then return {'short', usable} end
redis.call('HINCRBY', KEYS[1], sku .. ':u', delta)
redis.call('HINCRBY', KEYS[1], sku .. ':r', delta)
redis.call('HSETNX', KEYS[1], sku .. ':l', '0')
redis.call('HSETNX', KEYS[1], sku .. ':s', '0')
redis.call('SET', KEYS[2], '1', 'PX', ARGV[1])
return {'done'}
