-- Reservations held before a moment and not yet confirmed, oldest first. KEYS: stock, waiting. ARGV: moment in ms, most.
local answer = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[1], 'LIMIT', '0', ARGV[2])
table.insert(answer, 1, 'waiting')
return answer
