//! The promotion context.
