-- Their orders exist: they stay held and wait no longer. KEYS: stock, waiting. ARGV: reservation ids.
redis.call('ZREM', KEYS[2], unpack(ARGV))
return {'done'}
