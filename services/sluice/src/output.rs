//! What the commands print: results to standard output, failures as one line to standard error.

use std::{error::Error, io::Write as _, process::ExitCode};

/// Prints a line; a reader that went away (`| head`) is no failure.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// One clear line with all causes, and exit code 1.
pub fn fail(error: &dyn Error) -> ExitCode {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        source = cause.source();
    }
    let _ = writeln!(std::io::stderr(), "sluice: {}", line.replace('\n', " "));
    ExitCode::FAILURE
}
