//! sluice-gate-redis
