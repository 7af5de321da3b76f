//! The partner context.
