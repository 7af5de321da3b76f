//! The trace a request belongs to, at hand wherever its answer is made.

use sluice_kernel::TraceContext;

tokio::task_local! {
    static TRACE: TraceContext;
}

/// Runs `work` as part of the trace.
pub async fn within<T>(trace: TraceContext, work: impl Future<Output = T>) -> T {
    TRACE.scope(trace, work).await
}

/// Id of the present request's trace; zeros outside of any.
pub fn id() -> String {
    TRACE.try_with(|trace| trace.trace_id.clone()).unwrap_or_else(|_| "0".repeat(32))
}

/// `traceparent` to hand on to commands.
pub fn parent() -> Option<String> {
    TRACE.try_with(TraceContext::to_string).ok()
}
