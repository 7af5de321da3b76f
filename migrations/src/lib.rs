//! sluice-migrations
