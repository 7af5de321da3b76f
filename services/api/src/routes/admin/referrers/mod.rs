//! `/admin/referrers`: sealed promotion parameters.

pub mod post;
