//! The contract every bus keeps.
