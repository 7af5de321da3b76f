-- The keys under KEYS[1] are complete: from now on they count. ARGV: the word that stands there until then.
-- Refused where that word went lost meanwhile.
local stands = redis.call('HGET', KEYS[1], 'epoch')
if stands == EPOCH then return {'done'} end
if stands ~= ARGV[1] then return {'closed'} end
redis.call('HSET', KEYS[1], 'epoch', EPOCH)
return {'done'}
