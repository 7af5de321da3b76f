-- sold to usable, once per refund. KEYS: stock, refund. ARGV: life of the mark in ms, then SKU and quantity of every line.
if redis.call('EXISTS', KEYS[2]) == 1 then return {'already'} end
for i = 2, #ARGV, 2 do
  local sold = redis.call('HGET', KEYS[1], ARGV[i] .. ':s')
  if tonumber(sold or '0') < tonumber(ARGV[i + 1]) then return {'refused'} end
end
for i = 2, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[i] .. ':s', '-' .. ARGV[i + 1])
  redis.call('HINCRBY', KEYS[1], ARGV[i] .. ':u', ARGV[i + 1])
end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[1])
return {'done'}
