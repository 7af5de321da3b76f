//! Contract suites: what every adapter of this context's ports must do.
