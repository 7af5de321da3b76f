//! sluice-gateways
