-- Reservations of at least an age and not yet confirmed, oldest first. KEYS: stock, waiting. ARGV: age in ms, most.
local time = redis.call('TIME')
local moment = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1])
local answer = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', moment, 'LIMIT', '0', ARGV[2])
table.insert(answer, 1, 'waiting')
return answer
