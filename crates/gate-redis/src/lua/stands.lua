-- Head of every script that touches a store. The line before it, `local EPOCH = '…'`, makes the script's hash change
-- with the epoch. KEYS[1] is the store's stock: it goes when the keys go, so nothing is decided on lost keys.
local stands = redis.call('HGET', KEYS[1], 'epoch')
if not stands or stands == 'joining' then return {'absent'} end
if stands ~= EPOCH then return {'closed'} end
