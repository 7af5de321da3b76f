//! sluice-app
